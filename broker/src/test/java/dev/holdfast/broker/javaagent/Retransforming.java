package dev.holdfast.broker.javaagent;

import java.lang.instrument.ClassFileTransformer;
import java.lang.instrument.Instrumentation;
import java.lang.instrument.UnmodifiableClassException;
import java.security.ProtectionDomain;
import java.util.Arrays;

/**
 * Another javaagent, as those that trace a program: has loaded classes of the JDK changed again.
 */
public final class Retransforming {
  private Retransforming() {}

  public static void premain(String options, Instrumentation jvm)
      throws UnmodifiableClassException {
    jvm.addTransformer(new Copying(), true);
    jvm.retransformClasses(
        Arrays.stream(jvm.getAllLoadedClasses())
            .filter(each -> each.getName().startsWith("sun.nio.ch."))
            .filter(jvm::isModifiableClass)
            .toArray(Class<?>[]::new));
  }

  private static final class Copying implements ClassFileTransformer {
    @Override
    public byte[] transform(
        ClassLoader loader, String name, Class<?> redefined, ProtectionDomain domain, byte[] file) {
      return file.clone();
    }
  }
}
