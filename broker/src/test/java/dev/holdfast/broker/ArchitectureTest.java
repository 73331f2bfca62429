package dev.holdfast.broker;

import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaAccess.Predicates.origin;
import static com.tngtech.archunit.core.domain.JavaAccess.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.belongToAnyOf;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.simpleNameStartingWith;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.type;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaPackage;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption.DoNotIncludeTests;
import com.tngtech.archunit.core.importer.Location;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.junit.LocationProvider;
import com.tngtech.archunit.lang.ArchRule;
import dev.holdfast.broker.config.Configuration;
import dev.holdfast.fd.UnixAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;

/** The floors of the house, as the design draws them. */
@AnalyzeClasses(
    packages = "dev.holdfast",
    locations = ArchitectureTest.BesideThePrograms.class,
    importOptions = DoNotIncludeTests.class)
class ArchitectureTest {

  /** The classes of the -javaagent, which are not in the jar of the library. */
  static final class BesideThePrograms implements LocationProvider {
    @Override
    public Set<Location> get(Class<?> test) {
      return Set.of(Location.of(Path.of("../agent/target/classes/dev/holdfast/agent/adopt")));
    }
  }

  private static final String ROOT = "dev.holdfast.broker";

  private static final String[] ADAPTERS = {
    "dev.holdfast.agent.grpc..",
    "dev.holdfast.agent.httpserver..",
    "dev.holdfast.agent.jetty..",
    "dev.holdfast.agent.netty..",
    "dev.holdfast.agent.spring..",
    "dev.holdfast.agent.tomcat..",
    "dev.holdfast.agent.undertow..",
    "dev.holdfast.agent.vertx.."
  };

  // ---- the modules

  @ArchTest
  static final ArchRule onlyFdHasNativeCode =
      noClasses()
          .that()
          .resideOutsideOfPackage("dev.holdfast.fd..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("com.sun.jna..", "org.newsclub..");

  @ArchTest
  static final ArchRule brokerDoesNotKnowTheAgent =
      noClasses()
          .that()
          .resideInAPackage("dev.holdfast.broker..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.holdfast.agent..");

  @ArchTest
  static final ArchRule agentDoesNotKnowTheBroker =
      noClasses()
          .that()
          .resideInAPackage("dev.holdfast.agent..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.holdfast.broker..");

  /** The JVM puts it on the program's own class path, and what it needs must not be there. */
  @ArchTest
  static final ArchRule theAgentBesideTheProgramStandsAlone =
      noClasses()
          .that()
          .resideInAnyPackage(
              "dev.holdfast.agent.adopt",
              "dev.holdfast.agent.adopt.nio",
              "dev.holdfast.agent.adopt.misc")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.holdfast.fd..",
              "dev.holdfast.varlink..",
              "dev.holdfast.listener..",
              "dev.holdfast.agent",
              "dev.holdfast.agent.adopt.lease");

  /** An adapter is loaded only by a program that has what it is for. */
  @ArchTest
  static final ArchRule nobodyKnowsTheAdapters =
      noClasses()
          .that()
          .resideOutsideOfPackages(ADAPTERS)
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(ADAPTERS);

  @ArchTest
  static final ArchRule onlyAdaptersKnowFrameworks =
      noClasses()
          .that()
          .resideOutsideOfPackages(ADAPTERS)
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "io.netty..",
              "io.grpc..",
              "io.vertx..",
              "io.undertow..",
              "org.eclipse.jetty..",
              "org.apache.catalina..",
              "org.apache.coyote..",
              "org.apache.tomcat..",
              "org.springframework..",
              "reactor..",
              "com.sun.net.httpserver..");

  @ArchTest
  static final ArchRule sharedKnowsNeitherBrokerNorAgent =
      noClasses()
          .that()
          .resideOutsideOfPackages("dev.holdfast.broker..", "dev.holdfast.agent..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("dev.holdfast.broker..", "dev.holdfast.agent..");

  @ArchTest
  static final ArchRule varlinkDoesNotKnowListeners =
      noClasses()
          .that()
          .resideInAPackage("dev.holdfast.varlink..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.holdfast.listener..");

  @ArchTest
  static final ArchRule listenersDoNotKnowVarlink =
      noClasses()
          .that()
          .resideInAPackage("dev.holdfast.listener..")
          .should()
          .dependOnClassesThat()
          .resideInAPackage("dev.holdfast.varlink..");

  // ---- the floors of the broker

  @ArchTest
  static final ArchRule coreDoesNoInputOrOutput =
      noClasses()
          .that()
          .resideInAPackage(ROOT + ".core..")
          .should()
          .dependOnClassesThat(
              resideInAnyPackage(
                      "java.net..",
                      "java.io..",
                      "java.nio.channels..",
                      "java.util.concurrent..",
                      "dev.holdfast.varlink..")
                  // A spec of a Unix listener has its address, which is a mere value.
                  .or(resideInAPackage("dev.holdfast.fd..").and(not(type(UnixAddress.class))))
                  .or(simpleNameStartingWith("File"))
                  .or(belongToAnyOf(Thread.class, ThreadLocal.class, Process.class))
                  .or(belongToAnyOf(ProcessBuilder.class, ProcessHandle.class, Runtime.class)));

  @ArchTest
  static final ArchRule coreReadsNoClock =
      noClasses()
          .that()
          .resideInAPackage(ROOT + ".core..")
          .should()
          .dependOnClassesThat(belongToAnyOf(Clock.class))
          .orShould()
          .callMethod(Instant.class, "now")
          .orShould()
          .callMethod(Instant.class, "now", Clock.class)
          .orShould()
          .callMethod(System.class, "nanoTime")
          .orShould()
          .callMethod(System.class, "currentTimeMillis");

  @ArchTest
  static final ArchRule coreKnowsNoOtherFloor =
      noClasses()
          .that()
          .resideInAPackage(ROOT + ".core..")
          .should()
          .dependOnClassesThat(brokerOtherThan("core"));

  @ArchTest static final ArchRule bindStandsOnCoreOnly = standsOnCoreOnly("bind");
  @ArchTest static final ArchRule loopStandsOnCoreOnly = standsOnCoreOnly("loop");
  @ArchTest static final ArchRule configStandsOnCoreOnly = standsOnCoreOnly("config");
  @ArchTest static final ArchRule workersStandOnCoreOnly = standsOnCoreOnly("workers");
  @ArchTest static final ArchRule surviveStandsOnCoreOnly = standsOnCoreOnly("survive");
  @ArchTest static final ArchRule inetdStandsOnCoreOnly = standsOnCoreOnly("inetd");

  private static ArchRule standsOnCoreOnly(String floor) {
    return noClasses()
        .that()
        .resideInAPackage(ROOT + "." + floor + "..")
        .should()
        .dependOnClassesThat(brokerOtherThan("core", floor))
        .allowEmptyShould(true); // some floors come later
  }

  @ArchTest
  static final ArchRule controlStandsOnBindAndLoop =
      noClasses()
          .that()
          .resideInAPackage(ROOT + ".control..")
          .should()
          .dependOnClassesThat(brokerOtherThan("core", "bind", "loop", "control"));

  @ArchTest
  static final ArchRule onlyTheRootKnowsTheRoot =
      noClasses()
          .that()
          .resideOutsideOfPackage(ROOT)
          .should()
          .dependOnClassesThat()
          .resideInAPackage(ROOT);

  /** The broker's own classes, except those of the named floors. */
  private static DescribedPredicate<JavaClass> brokerOtherThan(String... floors) {
    String[] packages = new String[floors.length];
    for (int i = 0; i < floors.length; i++) {
      packages[i] = ROOT + "." + floors[i] + "..";
    }
    return resideInAPackage(ROOT + "..")
        .and(not(resideInAnyPackage(packages)))
        .as("of the broker outside of %s", List.of(floors));
  }

  @ArchTest
  static final ArchRule packagesHaveNoCycles =
      slices().matching("dev.holdfast.(**)").should().beFreeOfCycles();

  // ---- everywhere

  @ArchTest
  static final ArchRule onlyMainExits =
      noClasses()
          .that()
          .doNotHaveSimpleName("Main")
          .and()
          .doNotHaveFullyQualifiedName("dev.holdfast.agent.adopt.Premain")
          .and()
          .doNotHaveFullyQualifiedName("dev.holdfast.agent.adopt.Stopping")
          .should()
          .callMethodWhere(
              target(nameMatching("exit|halt"))
                  .and(target(owner(belongToAnyOf(System.class, Runtime.class))))
                  .and(not(origin(nameMatching("main")))))
          .because(
              "only a program's own main may end its process, and the agent where its options make"
                  + " no sense, or the broker asks for the end");

  @ArchTest
  static void everyPackageIsNullMarked(JavaClasses all) {
    List<String> unmarked =
        all.stream()
            .map(JavaClass::getPackage)
            .distinct()
            .filter(each -> each.getName().startsWith("dev.holdfast"))
            .filter(each -> !each.isAnnotatedWith(NullMarked.class))
            .map(JavaPackage::getName)
            .toList();

    assertThat(unmarked).as("packages without a @NullMarked package-info.java").isEmpty();
  }

  @ArchTest
  static void allThatShouldBeLookedAtIsThere(JavaClasses all) {
    // A rule about a package that is not on the classpath holds for nothing.
    assertThat(all.contain(Configuration.class)).isTrue();
    assertThat(all.containPackage("dev.holdfast.agent.cli")).isTrue();
    assertThat(all.containPackage("dev.holdfast.listener")).isTrue();
  }

  /** Tests wait for events, as the programs do: those of every module that is built here. */
  @Test
  void nobodySleeps() {
    List<Path> built =
        Stream.of("shared", "agent", "broker")
            .flatMap(
                module -> Stream.of("classes", "test-classes").map(kind -> built(module, kind)))
            .filter(Files::isDirectory)
            .toList();
    JavaClasses all = new ClassFileImporter().importPaths(built);
    assertThat(all.contain(ArchitectureTest.class)).isTrue();

    noClasses()
        .should()
        .accessTargetWhere(
            target(nameMatching("sleep(Uninterruptibly)?"))
                .and(target(owner(assignableTo(Thread.class).or(assignableTo(TimeUnit.class))))))
        .because("a sleep is either too short or too long; wait for the event")
        .check(all);
  }

  private static Path built(String module, String kind) {
    return Path.of("..", module, "target", kind);
  }
}
