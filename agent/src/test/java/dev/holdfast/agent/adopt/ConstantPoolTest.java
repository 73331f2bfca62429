package dev.holdfast.agent.adopt;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.io.InputStream;
import java.lang.reflect.Method;
import org.junit.jupiter.api.Test;

class ConstantPoolTest {

  /** Has constants that take two places, a method handle, a lambda and text of other scripts. */
  static final class Caller {
    private Caller() {}

    static long big() {
      return 0x1234_5678_9abc_def0L;
    }

    static String text(String given) {
      java.util.function.Supplier<String> later = () -> given + " für " + big() + " at " + 0.25;
      return later.get() + greeting(given);
    }

    static String greeting(String name) {
      return " hello " + name;
    }
  }

  private static byte[] file(Class<?> type) throws IOException {
    String name = type.getName().substring(type.getName().lastIndexOf('.') + 1) + ".class";
    try (InputStream in = type.getResourceAsStream(name)) {
      return java.util.Objects.requireNonNull(in).readAllBytes();
    }
  }

  /** What Caller.text says, when Caller is this file. */
  private static String run(byte[] file, String given) throws Exception {
    ClassLoader loader =
        new ClassLoader(null) {
          @Override
          protected Class<?> findClass(String name) {
            return defineClass(name, file, 0, file.length);
          }
        };
    Method text =
        Class.forName(Caller.class.getName(), true, loader).getDeclaredMethod("text", String.class);
    text.setAccessible(true);
    return (String) text.invoke(null, given);
  }

  private static final String CALLER = "dev/holdfast/agent/adopt/ConstantPoolTest$Caller";
  private static final String TYPE = "(Ljava/lang/String;)Ljava/lang/String;";

  @Test
  void whatIsNotChangedIsTheSameFile() throws Exception {
    byte[] file = file(Caller.class);
    assertThat(new ConstantPool(file).toClassFile()).isEqualTo(file);
  }

  @Test
  void callsGoToTheOtherMethod() throws Exception {
    ConstantPool pool = new ConstantPool(file(Caller.class));
    assertThat(pool.redirect(CALLER, "greeting", TYPE, "java/lang/System", "getProperty")).isTrue();
    assertThat(run(pool.toClassFile(), "java.version"))
        .isEqualTo(
            "java.version für 1311768467463790320 at 0.25" + System.getProperty("java.version"));
  }

  @Test
  void aMethodThatIsNotCalledIsSaidSo() throws Exception {
    ConstantPool pool = new ConstantPool(file(Caller.class));
    assertThat(pool.redirect(CALLER, "nothing", TYPE, "java/lang/System", "getProperty")).isFalse();
  }

  @Test
  void textsThatBeginSoGetAPrefix() throws Exception {
    ConstantPool pool = new ConstantPool(file(Caller.class));
    pool.prefix(" hello", "oh");
    assertThat(run(pool.toClassFile(), "you")).endsWith("oh hello you");
  }

  @Test
  void everyClassOfTheJdkThatIsPatchedIsUnderstood() throws Exception {
    for (String name :
        new String[] {"ServerSocketChannelImpl", "NioSocketImpl", "EPollSelectorImpl"}) {
      byte[] file = file(Class.forName("sun.nio.ch." + name));
      assertThat(new ConstantPool(file).toClassFile()).as(name).isEqualTo(file);
    }
  }

  @Test
  void aTextIsFoundWithoutTakingTheFileApart() throws Exception {
    byte[] file = file(Caller.class);
    assertThat(ConstantPool.mentions(file, " hello ")).isTrue();
    assertThat(ConstantPool.mentions(file, CALLER)).isTrue();
    assertThat(ConstantPool.mentions(file, " hallo ")).isFalse();
    assertThat(ConstantPool.mentions("12345678ending".getBytes(US_ASCII), "ending")).isTrue();
    assertThat(ConstantPool.mentions("12345678endin".getBytes(US_ASCII), "ending")).isFalse();
  }

  @Test
  void whatIsNoClassFileIsRefused() {
    assertThatThrownBy(() -> new ConstantPool(new byte[100]))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("not a class file");
  }
}
