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
  private AFUNIXSocketChannel channel; // junixsocket closes it when a peer is gone; then another

  private RightsSender() throws IOException {
    OwnedFd first = unconnected();
    try {
      nobody = first;
      seat = first.dup();
      channel = channelOf(seat);
    } catch (IOException e) {
      first.close();
      throw e;
    }
  }

  private static AFUNIXSocketChannel channelOf(OwnedFd seat) throws IOException {
    AFUNIXSocketChannel made =
        FileDescriptorCast.using(FileDescriptorCast.unsafeUsing(seat.number()).getFileDescriptor())
            .as(AFUNIXSocketChannel.class);
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
    try {
      sender.channel.setOutboundFileDescriptors(descriptors);
      return Math.max(0, sender.channel.write(bytes));
    } catch (SocketException | ClosedChannelException e) {
      // junixsocket keeps the errno in words only, and in the language of the locale.
      if (Sockets.isShutDown(socket)) {
        throw new ErrnoException("sendmsg", "Unix socket", Errno.EPIPE);
      }
      throw new IOException(
          "sendmsg with " + descriptors.length + " descriptors: " + e.getMessage(), e);
    } finally {
      // What was not sent stays queued on the object otherwise, and would go to the next peer.
      boolean closed = !sender.channel.isOpen();
      if (!closed) {
        sender.channel.setOutboundFileDescriptors((FileDescriptor[]) null);
      }
      sender.seat(sender.nobody);
      if (closed) {
        // On EPIPE junixsocket closes the channel, and with it the number of the seat, which the
        // line
        // above has just taken again. Without another channel nothing could be sent any more.
        sender.channel = channelOf(sender.seat);
      }
    }
  }

  private void seat(OwnedFd socket) throws ErrnoException {
    if (Libc.dup3(socket.number(), seat.number(), Libc.O_CLOEXEC) < 0) {
      throw ErrnoException.last("dup3", "Unix socket");
    }
  }
}
