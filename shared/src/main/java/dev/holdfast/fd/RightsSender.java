package dev.holdfast.fd;

import java.io.FileDescriptor;
import java.io.IOException;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedChannelException;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.newsclub.net.unix.AFUNIXSocketChannel;
import org.newsclub.net.unix.FileDescriptorCast;

/**
 * Sends descriptors through junixsocket.
 *
 * <p>A junixsocket object for each connection costs more than the hand-over itself (5 µs to make
 * one). So there is one, around a descriptor number of its own; for each send, dup3(2) puts the
 * connection on that number and takes it off again. Any thread; one at a time.
 */
final class RightsSender {

  private static @Nullable RightsSender instance; // guarded by the class's monitor

  private final OwnedFd seat;
  private final OwnedFd nobody;
  private FileDescriptor
      view; // junixsocket's own object for the seat; it says whether it was closed
  private AFUNIXSocketChannel channel;

  private RightsSender() throws IOException {
    nobody = unconnected();
    OwnedFd taken = null;
    try {
      taken = nobody.dup();
      seat = taken;
      view = FileDescriptorCast.unsafeUsing(seat.number()).getFileDescriptor();
      channel = channelOf(view);
    } catch (IOException e) {
      nobody.close();
      if (taken != null) {
        taken.close();
      }
      throw e;
    }
  }

  private static AFUNIXSocketChannel channelOf(FileDescriptor view) throws IOException {
    AFUNIXSocketChannel made = FileDescriptorCast.using(view).as(AFUNIXSocketChannel.class);
    // Makes junixsocket return 0 instead of waiting when the peer does not read.
    made.configureBlocking(false);
    return made;
  }

  private static OwnedFd unconnected() throws ErrnoException {
    int number = Libc.socket(Libc.AF_UNIX, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC, 0);
    if (number < 0) {
      throw ErrnoException.last("socket", "");
    }
    return OwnedFd.own(number);
  }

  /** Loads junixsocket and takes its descriptors now rather than at the first hand-over. */
  static synchronized void prepare() throws IOException {
    if (instance == null) {
      instance = new RightsSender();
    }
  }

  /** See {@link UnixSocket#send}. */
  static synchronized int send(OwnedFd socket, ByteBuffer bytes, List<OwnedFd> borrowed)
      throws IOException {
    prepare();
    RightsSender sender = java.util.Objects.requireNonNull(instance);
    FileDescriptor[] descriptors = new FileDescriptor[borrowed.size()];
    for (int i = 0; i < descriptors.length; i++) {
      descriptors[i] = borrowed.get(i).view();
    }
    sender.seat(socket);
    boolean broken = true; // until it is known not to be: also by an exception that is none of ours
    try {
      sender.channel.setOutboundFileDescriptors(descriptors);
      int sent = Math.max(0, sender.channel.write(bytes));
      broken = false;
      return sent;
    } catch (SocketException | ClosedChannelException e) {
      // junixsocket keeps the errno in words only, and in the language of the locale.
      if (Sockets.isShutDown(socket)) {
        throw new ErrnoException("sendmsg", "Unix socket", Errno.EPIPE);
      }
      throw new IOException(
          "sendmsg with " + descriptors.length + " descriptors: " + e.getMessage(), e);
    } finally {
      if (broken) {
        sender.recover();
      } else {
        // What was not sent stays queued on the object otherwise, and would go to the next peer.
        sender.channel.setOutboundFileDescriptors((FileDescriptor[]) null);
        sender.seat(sender.nobody);
      }
    }
  }

  /**
   * After a failure. On EPIPE junixsocket closes the seat: by now its number may be another
   * thread's, and must not be touched; the next send makes another sender. Else the number is still
   * ours, and only the object is of no more use, since junixsocket takes it for unconnected.
   */
  private void recover() throws IOException {
    if (channel.isOpen() && view.valid()) {
      seat(nobody);
      view = FileDescriptorCast.unsafeUsing(seat.number()).getFileDescriptor();
      channel = channelOf(view);
    } else {
      int unused = seat.release();
      nobody.close();
      instance = null;
    }
  }

  private void seat(OwnedFd socket) throws ErrnoException {
    if (Libc.dup3(socket.number(), seat.number(), Libc.O_CLOEXEC) < 0) {
      throw ErrnoException.last("dup3", "Unix socket");
    }
  }
}
