package dev.holdfast.agent.adopt;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.module.ModuleDescriptor;
import java.lang.reflect.Method;
import java.net.MalformedURLException;
import java.net.URI;
import java.net.URL;
import java.nio.file.Path;
import java.util.Collections;
import java.util.Enumeration;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;
import org.jspecify.annotations.Nullable;

/**
 * Loads the library, JNA and junixsocket from a directory inside the agent's jar, apart from the
 * program and from whatever versions of them it brings.
 *
 * <p>Renamed packages, which is how such clashes are avoided elsewhere, cannot be had: the native
 * parts of both libraries find their methods by the names of the classes. A loader of our own keeps
 * them apart just as well, but for what is one for the whole process: the system properties that
 * say where their native parts are, and the loggers. So those names are changed while the classes
 * are loaded.
 */
final class IsolatedLoader extends ClassLoader {

  /** What is put before the system properties of both libraries. */
  static final String PROPERTIES = "holdfast.";

  private static final String DIRECTORY = "isolated/";
  private static final int WARNS_OF_NATIVE_ACCESS = 24;
  private static final String LOGGING = "java/util/logging/";
  private static final String JNA = "jna.";
  private static final String JNI_DISPATCH = "jnidispatch.";
  private static final String JUNIXSOCKET = "org.newsclub.net.unix.library.";
  private static final String LOGGER = "(Ljava/lang/String;)Ljava/lang/System$Logger;";

  static {
    registerAsParallelCapable();
  }

  private final JarFile jar;

  /** Borrows the jar, which stays open as long as anything of it is used. */
  private IsolatedLoader(JarFile jar) {
    super("holdfast-agent", ClassLoader.getPlatformClassLoader());
    this.jar = jar;
  }

  /**
   * Makes a loader whose classes may call native code. From 24 on the JDK allows that to whom the
   * command line names, and it can name all of the class path, or modules: so these classes become
   * a module of their own, and what the program may do stays as it was said.
   */
  static IsolatedLoader open(JarFile jar) throws IOException {
    IsolatedLoader loader = new IsolatedLoader(jar);
    if (Runtime.version().feature() >= WARNS_OF_NATIVE_ACCESS) {
      try {
        loader.becomeModule();
      } catch (ReflectiveOperationException | RuntimeException e) {
        throw new IOException("make a module that may call native code, in this JDK: " + e, e);
      }
    }
    return loader;
  }

  private void becomeModule() throws ReflectiveOperationException {
    Set<String> packages = new HashSet<>();
    for (Enumeration<JarEntry> all = jar.entries(); all.hasMoreElements(); ) {
      String name = all.nextElement().getName();
      if (name.startsWith(DIRECTORY)
          && name.endsWith(".class")
          && !name.startsWith("META-INF", DIRECTORY.length())) {
        int slash = name.lastIndexOf('/');
        packages.add(name.substring(DIRECTORY.length(), slash).replace('/', '.'));
      }
    }
    ModuleDescriptor descriptor =
        ModuleDescriptor.newOpenModule("holdfast.agent.isolated").packages(packages).build();
    Object access =
        Class.forName("jdk.internal.access.SharedSecrets")
            .getMethod("getJavaLangAccess")
            .invoke(null);
    Class<?> type = Class.forName("jdk.internal.access.JavaLangAccess");
    Object module =
        type.getMethod("defineModule", ClassLoader.class, ModuleDescriptor.class, URI.class)
            .invoke(access, this, descriptor, null);
    Method reads = type.getMethod("addReads", Module.class, Module.class);
    for (Module each : ModuleLayer.boot().modules()) {
      reads.invoke(access, module, each);
    }
    type.getMethod("addEnableNativeAccess", Module.class).invoke(access, module);
  }

  @Override
  protected Class<?> findClass(String name) throws ClassNotFoundException {
    byte[] file = read(name.replace('.', '/') + ".class");
    if (file == null) {
      throw new ClassNotFoundException(name);
    }
    byte[] changed = name.startsWith("dev.holdfast.") ? withOwnLogger(file) : withOwnNames(file);
    return defineClass(name, changed, 0, changed.length);
  }

  private static byte[] withOwnLogger(byte[] file) {
    if (!ConstantPool.mentions(file, "getLogger")) {
      return file;
    }
    ConstantPool pool = new ConstantPool(file);
    pool.redirect(
        "java/lang/System",
        "getLogger",
        LOGGER,
        "dev/holdfast/agent/adopt/lease/StandardErrorLogger",
        "of");
    return pool.toClassFile();
  }

  private static byte[] withOwnNames(byte[] file) {
    if (!ConstantPool.mentions(file, LOGGING)
        && !ConstantPool.mentions(file, JNA)
        && !ConstantPool.mentions(file, JNI_DISPATCH)
        && !ConstantPool.mentions(file, JUNIXSOCKET)) {
      return file;
    }
    ConstantPool pool = new ConstantPool(file);
    pool.rename(LOGGING, "dev/holdfast/agent/adopt/lease/");
    pool.prefix(JNA, PROPERTIES);
    pool.prefix(JNI_DISPATCH, PROPERTIES);
    pool.prefix(JUNIXSOCKET, PROPERTIES);
    return pool.toClassFile();
  }

  byte @Nullable [] read(String path) {
    ZipEntry entry = jar.getEntry(DIRECTORY + path);
    if (entry == null) {
      return null;
    }
    try (InputStream in = jar.getInputStream(entry)) {
      byte[] file = new byte[(int) entry.getSize()]; // readAllBytes would leave much behind
      if (in.readNBytes(file, 0, file.length) < file.length) {
        throw new EOFException("it is cut short");
      }
      return file;
    } catch (IOException e) {
      Said.failure("read " + path + " of " + jar.getName(), e);
      return null;
    }
  }

  @Override
  protected @Nullable URL findResource(String name) {
    if (jar.getEntry(DIRECTORY + name) == null) {
      return null;
    }
    try {
      return new URL("jar:" + Path.of(jar.getName()).toUri() + "!/" + DIRECTORY + name);
    } catch (MalformedURLException e) {
      return null;
    }
  }

  @Override
  protected @Nullable URL findResource(@Nullable String module, String name) {
    return findResource(name);
  }

  @Override
  protected Enumeration<URL> findResources(String name) {
    URL found = findResource(name);
    return Collections.enumeration(found == null ? List.of() : List.of(found));
  }
}
