package dev.holdfast.servers.jdk;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;

/**
 * What each server says to every request: who it is, and which port it believes to listen on.
 *
 * @param name tells one version of the program from the next
 * @param port as the server socket itself reports it
 */
record Answer(String name, int port) {

  String body() {
    return "worker %s pid %d port %d\n".formatted(name, ProcessHandle.current().pid(), port);
  }

  /** The whole answer, for servers without an HTTP library. */
  byte[] http() {
    String body = body();
    String head =
        "HTTP/1.1 200 OK\r\nX-Worker: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
            .formatted(name, body.length());
    return (head + body).getBytes(StandardCharsets.US_ASCII);
  }

  /** Reads one request, answers it, and closes the connection. */
  void to(Socket accepted) {
    try (Socket connection = accepted;
        InputStream in = connection.getInputStream();
        OutputStream out = connection.getOutputStream()) {
      byte[] request = new byte[4096];
      int length = 0;
      while (!endsWithEmptyLine(request, length)) {
        int read = in.read(request, length, request.length - length);
        if (read <= 0) {
          return;
        }
        length += read;
      }
      out.write(http());
    } catch (SocketException e) {
      // The client went away.
    } catch (IOException e) {
      e.printStackTrace();
    }
  }

  static boolean endsWithEmptyLine(byte[] bytes, int length) {
    return length >= 4
        && bytes[length - 4] == '\r'
        && bytes[length - 3] == '\n'
        && bytes[length - 2] == '\r'
        && bytes[length - 1] == '\n';
  }
}
