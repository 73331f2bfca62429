# The part that both launchers share; read by them with `.`, never run by itself.
#
# Given: hf_program, hf_module, hf_training (the argument that makes the program train its archive and exit),
# hf_options, hf_collector and hf_collector_17 (of the JVM), hf_bin (where the launcher stands). Ends in exec: the program's pid is the launcher's.
#
# Each fork costs about a millisecond of the hundred that a start takes, so the usual way through has none. No variable
# that the user may have exported is written here: the program, and what it execs, must find the environment as it was.

hf_die() { # status, message
  printf '%s: %s\n' "$hf_program" "$2" >&2
  exit "$1"
}

# Sets hf_path to the directory, absolute and without links: an archive of classes is valid only for the class path that
# it was made with, letter for letter.
hf_physical() {
  case $1 in
    /*) hf_path=$1 ;;
    .) hf_path=$PWD ;;
    ./*) hf_path=$PWD/${1#./} ;;
    *) hf_path=$PWD/$1 ;;
  esac
  # One ".." at a time is taken off the end by hand; what is left of them, or a link on the way, needs the fork.
  while :; do
    case $hf_path in
      */..) hf_path=${hf_path%/..}; hf_up=$((${hf_up:-0} + 1)) ;;
      *) break ;;
    esac
  done
  hf_checked=$hf_path
  while [ -n "$hf_checked" ]; do
    case $hf_checked in
      */.. | */. | */) hf_checked=link; break ;;
    esac
    if [ -L "$hf_checked" ]; then
      hf_checked=link
      break
    fi
    hf_checked=${hf_checked%/*}
  done
  if [ -n "$hf_checked" ]; then
    hf_path=$(cd -P -- "$hf_path" && pwd -P) || hf_die 71 "cannot enter $1"
  fi
  while [ "${hf_up:-0}" -gt 0 ]; do
    hf_path=${hf_path%/*}
    hf_up=$((hf_up - 1))
  done
}

hf_need_java='install one (Debian, Ubuntu: apt-get install openjdk-17-jre-headless; Fedora: dnf install java-17-openjdk-headless) or set JAVA_HOME'

# Sets hf_java_home: from JAVA_HOME, else from PATH.
hf_find_java() {
  if [ -n "${JAVA_HOME:-}" ]; then
    hf_java_home=${JAVA_HOME%/}
    [ -x "$hf_java_home/bin/java" ] || hf_die 78 "JAVA_HOME is $JAVA_HOME, and there is no bin/java in it: correct or unset it"
    return
  fi
  hf_java=
  hf_rest=$PATH:
  while [ -n "$hf_rest" ]; do # `command -v` in $( ) would be a fork
    hf_java=${hf_rest%%:*}
    hf_java=${hf_java:-.}/java
    hf_rest=${hf_rest#*:}
    if [ -f "$hf_java" ] && [ -x "$hf_java" ]; then
      break
    fi
    hf_java=
  done
  [ -n "$hf_java" ] || hf_die 78 "no Java found, neither by JAVA_HOME nor on PATH; Java 17 or newer is needed: $hf_need_java"
  if [ -L "$hf_java" ]; then
    # Distributions link /usr/bin/java to one of these: comparing inodes finds which without a fork.
    for hf_java_home in /usr/lib/jvm/*; do
      if [ "$hf_java_home/bin/java" -ef "$hf_java" ] 2>/dev/null; then
        return
      fi
    done
    hf_java=$(readlink -f -- "$hf_java")
  fi
  hf_java_home=${hf_java%/bin/java}
}

# Sets hf_version, hf_runtime, hf_vendor and hf_arch from the `release` file of the JVM. Reading it by `.` would be
# shorter and would overwrite what the user exported as SOURCE or MODULES.
hf_identify_java() {
  hf_version='' hf_runtime='' hf_vendor='' hf_arch=''
  if [ -r "$hf_java_home/release" ]; then
    while IFS='=' read -r hf_key hf_value; do
      hf_value=${hf_value#\"}
      hf_value=${hf_value%\"}
      case $hf_key in
        JAVA_VERSION) hf_version=$hf_value ;;
        JAVA_RUNTIME_VERSION) hf_runtime=$hf_value ;;
        IMPLEMENTOR) hf_vendor=$hf_value ;;
        OS_ARCH) hf_arch=$hf_value; break ;;
      esac
    done <"$hf_java_home/release"
  fi
  if [ -z "$hf_version" ]; then # a JVM without that file: ask it, at the price of a start
    hf_version=$("$hf_java_home/bin/java" -version 2>&1)
    hf_version=${hf_version#*version \"}
    hf_version=${hf_version%%\"*}
  fi
  hf_major=${hf_version%%[!0-9]*}
  if [ "${hf_major:-0}" -lt 17 ]; then
    hf_die 78 "Java 17 or newer is needed, and $hf_java_home/bin/java is ${hf_version:-of no version that can be read}: $hf_need_java"
  fi
  if [ "$hf_major" -eq 17 ]; then
    hf_collector=$hf_collector_17
  fi
  case $hf_arch in
    amd64) hf_arch=x86_64 ;;
    arm64) hf_arch=aarch64 ;;
  esac
}

# The archive of loaded classes: AppCDS up to 24, an AOT cache from 25 on. Its name holds all that its validity hangs on;
# the JVM checks by itself, and starts without it, where the jars or the JVM are not those it was made from.
hf_name_archive() {
  hf_archives=$hf_home/archive
  hf_archive=
  [ -n "$hf_runtime" ] && [ -n "$hf_arch" ] || return
  hf_archive=$hf_program-$hf_runtime-${hf_vendor%% *}-$hf_arch
  case $hf_archive in
    */*) hf_archive= ;;
    *) hf_archive=$hf_archives/$hf_archive ;;
  esac
}

# Becomes the JVM. $1: an option about the archive, or empty; the rest are the program's arguments.
hf_become() {
  hf_archive_option=$1
  shift
  hf_native=
  if [ -d "$hf_home/native/$hf_arch" ] && [ -n "$hf_arch" ]; then
    hf_native=$hf_home/native/$hf_arch
  fi
  set -f # the options are split at blanks, and nothing else is done to them
  # -Xlog: an archive that does not fit is no news for the user, and the JVM would tell it on standard output. What ends
  # the JVM is still said: it does not go through the log.
  # jna.platform.library.path: JNA would run ldconfig to learn where libraries are, and we ask for libc by its name.
  # file.encoding: what 18 and later have by default, so that 17 does not depend on the locale.
  exec $hf_limit "$hf_java_home/bin/java" \
    ${hf_archive_option:+"$hf_archive_option"} \
    -Xlog:disable \
    $hf_options $hf_collector \
    -Dfile.encoding=UTF-8 \
    ${hf_native:+"-Djna.boot.library.path=$hf_native"} \
    ${hf_native:+-Djna.nounpack=true} \
    ${hf_native:+-Djna.nosys=true} \
    ${hf_native:+"-Djna.platform.library.path=$hf_native"} \
    ${hf_native:+"-Dorg.newsclub.net.unix.library.override=$hf_native/libjunixsocket.so"} \
    "-Dholdfast.home=$hf_home" \
    "-Dholdfast.command=$hf_command" \
    "-Dholdfast.broker=$hf_broker" \
    "-Dholdfast.javaagent=$hf_javaagent" \
    $hf_extra_options \
    -jar "$hf_jar" "$@"
}

# Makes the archive of this program for this JVM; quiet, and no failure when it cannot: a start without is only slower.
# In a subshell, so that the lock goes with it, however it ends.
hf_make_archive() (
  mkdir -p "$hf_archives" 2>/dev/null
  [ -w "$hf_archives" ] || exit 0
  exec 9>"$hf_archives/lock"
  # Somebody else is at it: this start goes without. (The kernel drops the lock of a process that dies.)
  flock -n 9 2>/dev/null || exit 0
  [ ! -e "$hf_archive" ] || exit 0
  hf_new=$hf_archive.new
  if [ "$hf_major" -ge 25 ]; then
    hf_output=-XX:AOTCacheOutput=$hf_new
  else
    hf_output=-XX:ArchiveClassesAtExit=$hf_new
  fi
  # Nothing of the caller's: not the supervisor's notify socket, no descriptor meant for the program, no extra option.
  unset NOTIFY_SOCKET LISTEN_FDS LISTEN_PID LISTEN_FDNAMES HOLDFAST_LEASE
  unset JAVA_TOOL_OPTIONS JDK_JAVA_OPTIONS _JAVA_OPTIONS JDK_AOT_VM_OPTIONS
  hf_extra_options=
  # Nor a broker that runs, nor its path: an abstract address, which leaves nothing behind.
  export HOLDFAST_SOCKET="@holdfast-training-$hf_program-$$"
  hf_limit='timeout -k 5 60'
  (hf_become "$hf_output" "$hf_training" 9>&-) </dev/null >"$hf_archive.log" 2>&1
  hf_status=$?
  if [ "$hf_status" -eq 0 ] && [ -s "$hf_new" ]; then
    # A file cut short by a power failure would crash the JVM that maps it.
    sync "$hf_new" 2>/dev/null
    mv -f "$hf_new" "$hf_archive"
    rm -f "$hf_archive.log"
  else
    # Not tried again at each start; the log says why. The next build or install begins anew.
    printf 'no archive: the training run ended with status %s\n' "$hf_status" >>"$hf_archive.log"
    rm -f "$hf_new" "$hf_new".*
    : >"$hf_archive.none"
    exit 1
  fi
)

hf_build() {
  [ -w "$hf_root" ] || hf_die 77 "$hf_root is not built yet and you may not write there; its owner builds it with: cd $hf_root && mvn -q -B -DskipTests -pl shared,agent,broker package"
  command -v mvn >/dev/null 2>&1 || hf_die 78 "not built yet, and there is no Maven to build it: install it (Debian, Ubuntu: apt-get install maven openjdk-17-jdk-headless; Fedora: dnf install maven java-17-openjdk-devel)"
  mkdir -p "$hf_root/target" || exit 71
  printf '%s: first use: building with Maven (once; about a minute, longer when it must download)\n' "$hf_program" >&2
  (
    # Several may start at once: one builds, the others wait for it. Maven inherits the lock, so it is kept as long as
    # a build really runs, also when this launcher is killed.
    exec 9>"$hf_root/target/build.lock"
    flock 9 2>/dev/null
    if [ ! -f "$hf_home/complete" ]; then
      cd "$hf_root" || exit 71
      if [ -x "$hf_java_home/bin/javac" ]; then
        export JAVA_HOME="$hf_java_home"
      fi
      # Not the servers that only tests need: they would download Spring Boot, Jetty and others.
      mvn -q -B -Dstyle.color=never -DskipTests -Dspotless.check.skip -pl shared,agent,broker package </dev/null >&2
    fi
  ) || hf_die 70 "the build of $hf_root failed (above); it needs Maven 3.8 and a JDK of 17 or newer: to see it again: cd $hf_root && mvn -B -DskipTests -pl shared,agent,broker package"
  [ -f "$hf_home/complete" ] || hf_die 70 "the build of $hf_root left nothing to run in $hf_home"
}

# Copies both programs. The jars of a version that runs are replaced by rename, never rewritten under it.
hf_install() {
  [ -n "${1:-}" ] || hf_die 64 "--install needs a directory, as in: $hf_program --install /usr/local"
  if [ -n "$hf_root" ]; then
    for hf_module in agent broker; do
      hf_home=$hf_root/$hf_module/target/holdfast
      [ -f "$hf_home/complete" ] || hf_build
    done
  fi
  # Before anything is written: what was installed before stays whole.
  if [ ! -f "$hf_javaagent" ]; then
    [ -n "$hf_root" ] || hf_die 78 "cannot install from here: $hf_javaagent is missing; install from a checkout"
    hf_die 78 "cannot install: $hf_javaagent is missing, and the build makes it: cd $hf_root && mvn -q -B -DskipTests package"
  fi
  mkdir -p -- "$1/bin" "$1/lib" || exit 71
  hf_physical "$1"
  hf_prefix=$hf_path
  hf_new=$hf_prefix/lib/holdfast.new.$$
  hf_old=$hf_prefix/lib/holdfast.old.$$
  rm -rf "$hf_new"
  mkdir "$hf_new" &&
    if [ -n "$hf_root" ]; then
      for hf_module in agent broker; do
        hf_home=$hf_root/$hf_module/target/holdfast
        cp -R "$hf_home/lib" "$hf_home/native" "$hf_new/" || exit 71
      done
      cp "$hf_root/shared/bin/launch.sh" "$hf_new/"
    else
      cp -R "$hf_home/lib" "$hf_home/native" "$hf_home/launch.sh" "$hf_new/"
    fi &&
    cp "$hf_javaagent" "$hf_new/holdfast-agent.jar" &&
    for hf_from in "$hf_command" "$hf_broker"; do
      cp "$hf_from" "$hf_new/${hf_from##*/}" && chmod 755 "$hf_new/${hf_from##*/}" || exit 71
    done &&
    chmod -R a+rX "$hf_new" || hf_die 71 "could not copy to $hf_new"
  if [ -e "$hf_prefix/lib/holdfast" ]; then
    mv "$hf_prefix/lib/holdfast" "$hf_old" || exit 71
  fi
  mv "$hf_new" "$hf_prefix/lib/holdfast" || exit 71
  for hf_from in holdfast holdfastd; do
    mv -f "$hf_prefix/lib/holdfast/$hf_from" "$hf_prefix/bin/$hf_from" || exit 71
  done
  rm -rf "$hf_old"
  for hf_from in holdfast holdfastd; do
    "$hf_prefix/bin/$hf_from" --make-archive || exit 71
  done
  printf 'installed %s and %s\n' "$hf_prefix/bin/holdfastd" "$hf_prefix/bin/holdfast"
}

if [ -f "$hf_bin/../lib/holdfast/launch.sh" ]; then
  hf_physical "$hf_bin/.."
  hf_root=
  hf_home=$hf_path/lib/holdfast
  hf_command=$hf_path/bin/holdfast
  hf_broker=$hf_path/bin/holdfastd
  hf_javaagent=$hf_home/holdfast-agent.jar
else
  hf_physical "$hf_bin/../.."
  hf_root=$hf_path
  hf_home=$hf_root/$hf_module/target/holdfast
  hf_command=$hf_root/agent/bin/holdfast
  hf_broker=$hf_root/broker/bin/holdfastd
  # The agent's, whichever of the two this is.
  hf_javaagent=$hf_root/agent/target/holdfast/holdfast-agent.jar
fi
hf_jar=$hf_home/lib/holdfast-$hf_module.jar
hf_extra_options=${HOLDFAST_JAVA_OPTS:-}
hf_limit=

hf_find_java
hf_identify_java
hf_name_archive

case ${1:-} in
  --make-archive) # the last step of the build and of an install: the jars are new, so all archives of old ones go
    rm -f "$hf_archives/$hf_program-"*
    if [ -n "$hf_archive" ] && ! hf_make_archive; then
      echo "$hf_program: no class archive was made, so it will start more slowly; see $hf_archive.log" >&2
    fi
    : >"$hf_home/complete"
    exit
    ;;
  --install)
    hf_install "${2:-}"
    exit
    ;;
esac

if [ ! -f "$hf_home/complete" ]; then
  [ -n "$hf_root" ] || hf_die 78 "$hf_home is not complete: install it again"
  hf_build
fi
hf_use=
if [ -n "$hf_archive" ]; then
  if [ ! -e "$hf_archive" ] && [ ! -e "$hf_archive.none" ] && [ -w "$hf_archives" ]; then
    hf_make_archive
  fi
  if [ -r "$hf_archive" ]; then
    if [ "$hf_major" -ge 25 ]; then
      hf_use=-XX:AOTCache=$hf_archive
    else
      hf_use=-XX:SharedArchiveFile=$hf_archive
    fi
  fi
fi
hf_become "$hf_use" "$@"
