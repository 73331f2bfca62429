package dev.holdfast.broker.survive;

/** Journals as brokers have written them; never to be changed: later versions have to read them. */
final class Fixtures {

  static final String FORMAT_1 =
      """
      c60ff176 {"holdfast":"journal","format":1,"boot":"b007","pid":4711,"socket":"/run/holdfa\
      st/control.sock"}
      9e7fb3dd {"put":{"kind":"broker","lastWorker":6}}
      394224e5 {"put":{"kind":"listener","name":"web","config":{"spec":"-127.0.0.1:8080","back\
      log":1000,"blocking":true,"idle":"spawn","companion":"in:/run/kx","allow":[{"uid":1000},\
      {"gid":4294967294},{"all":true}],"options":{"v6only":false,"freebind":true,"device":"eth\
      0","deferAccept":"PT3S","fastOpen":5,"keepalive":true,"receiveBuffer":4096,"sendBuffer":\
      8192,"mark":7,"mode":432,"uid":1000,"gid":1000}},"configured":true,"socket":{"id":1,"end\
      point":"tcp:127.0.0.1:8080","kind":"stream","port":8080,"inode":12345,"cookie":678},"com\
      panion":{"id":2,"endpoint":"unix:/run/kx/kx.8080","kind":"stream","inode":12346,"cookie"\
      :679,"path":{"identity":"8:1","uid":0,"gid":5}},"healed":1,"flagsRestored":2,"backlogRes\
      tored":3}}
      7690230d {"put":{"kind":"service","name":"shop","running":{"launch":{"command":["/usr/bi\
      n/shop","--fd","{fd:web}"],"sandbox":["bwrap"],"account":{"name":"www","uid":33,"gid":33\
      ,"groups":[33,4],"home":"/srv","shell":"/bin/sh"},"directory":"/srv","environment":{"A":\
      "b"},"umask":18,"limits":[{"resource":"open-files","soft":1024,"hard":-1}],"nice":5,"noN\
      ewPrivileges":true,"output":"/var/log/shop"},"listeners":["web"],"workers":2,"ready":"no\
      tify","readyTimeout":"PT1M","settle":"PT0.1S","stopSignal":15,"stopTimeout":"PT30S","sur\
      ge":1,"restartDelay":"PT0.1S","restartDelayMax":"PT30S","stored":16,"watchdog":"PT10S","\
      idleStop":"PT5M"},"count":2,"generation":3,"lastGeneration":4,"demanded":true,"lastConne\
      ction":"2026-01-02T03:04:05.678Z","failures":1,"nextStart":"2026-01-02T03:04:06Z","resta\
      rts":9,"message":"m","rollout":{"generation":4,"target":{"launch":{"command":["/usr/bin/\
      shop","--fd","{fd:web}"],"sandbox":["bwrap"],"account":{"name":"www","uid":33,"gid":33,"\
      groups":[33,4],"home":"/srv","shell":"/bin/sh"},"directory":"/srv","environment":{"A":"b\
      "},"umask":18,"limits":[{"resource":"open-files","soft":1024,"hard":-1}],"nice":5,"noNew\
      Privileges":true,"output":"/var/log/shop"},"listeners":["web"],"workers":2,"ready":"noti\
      fy","readyTimeout":"PT1M","settle":"PT0.1S","stopSignal":15,"stopTimeout":"PT30S","surge\
      ":1,"restartDelay":"PT0.1S","restartDelayMax":"PT30S","stored":16,"watchdog":"PT10S","id\
      leStop":"PT5M"},"allAtOnce":true,"readyTimeout":"PT2M","begun":"2026-01-02T03:04:05Z"},"\
      rolloutFailed":true,"outdated":true,"operation":"o"}}
      797d80d6 {"put":{"kind":"lease","lease":"L5","caller":{"connection":0,"pid":0,"uid":33,"\
      gid":33,"groups":[33,4]},"listeners":["web"],"hold":"process","service":"shop","worker":\
      5,"pid":815,"state":"ready","since":"2026-01-02T03:00:00Z"},"started":99}
      d5a66947 {"put":{"kind":"lease","lease":"L6","caller":{"connection":17,"pid":900,"uid":1\
      000,"gid":1000},"listeners":["web"],"hold":"connection","replace":true,"program":true,"s\
      topSignal":15,"pid":900,"state":"draining","deadline":"2026-01-02T03:05:00Z","since":"20\
      26-01-02T03:00:00Z","asked":true},"started":98}
      05b7ddbf {"put":{"kind":"worker","worker":5,"service":"shop","generation":3,"config":{"l\
      aunch":{"command":["/usr/bin/shop","--fd","{fd:web}"],"sandbox":["bwrap"],"account":{"na\
      me":"www","uid":33,"gid":33,"groups":[33,4],"home":"/srv","shell":"/bin/sh"},"directory"\
      :"/srv","environment":{"A":"b"},"umask":18,"limits":[{"resource":"open-files","soft":102\
      4,"hard":-1}],"nice":5,"noNewPrivileges":true,"output":"/var/log/shop"},"listeners":["we\
      b"],"workers":2,"ready":"notify","readyTimeout":"PT1M","settle":"PT0.1S","stopSignal":15\
      ,"stopTimeout":"PT30S","surge":1,"restartDelay":"PT0.1S","restartDelayMax":"PT30S","stor\
      ed":16,"watchdog":"PT10S","idleStop":"PT5M"},"lease":"L5","since":"2026-01-02T03:00:00Z"\
      ,"pid":815,"state":"stopping","readyAt":"2026-01-02T03:00:01Z","settled":true,"killed":t\
      rue,"abandoned":true,"failure":"f","status":"s"},"started":99}
      8e8bb8fd {"put":{"kind":"deposit","name":"gone","type":"file","uid":1000,"descriptor":3}\
      }
      50133aad {"put":{"kind":"deposit","name":"kept","type":"memfd","uid":1000,"descriptor":4\
      }}
      7f942f0e {"delete":{"kind":"deposit","name":"gone"}}
      """;

  private Fixtures() {}
}
