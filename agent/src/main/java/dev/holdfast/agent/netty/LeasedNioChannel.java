package dev.holdfast.agent.netty;

import io.netty.channel.socket.DefaultServerSocketChannelConfig;
import io.netty.channel.socket.ServerSocketChannelConfig;
import io.netty.channel.socket.nio.NioServerSocketChannel;
import java.nio.channels.ServerSocketChannel;

/** A NIO channel that leaves the options of its socket, which others listen on too, alone. */
final class LeasedNioChannel extends NioServerSocketChannel {

  private final ServerSocketChannelConfig config;

  LeasedNioChannel(ServerSocketChannel moved) {
    super(moved);
    config = new Config();
  }

  @Override
  public ServerSocketChannelConfig config() {
    return config == null ? super.config() : config; // null while Netty's own constructor runs
  }

  private final class Config extends DefaultServerSocketChannelConfig {

    Config() {
      super(LeasedNioChannel.this, LeasedNioChannel.this.javaChannel().socket());
    }

    @Override
    public ServerSocketChannelConfig setReuseAddress(boolean unused) {
      return this;
    }

    @Override
    public ServerSocketChannelConfig setReceiveBufferSize(int unused) {
      return this;
    }

    @Override
    protected void autoReadCleared() {
      clearReadPending();
    }
  }
}
