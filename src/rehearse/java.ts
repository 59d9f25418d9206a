import { javaIn } from "../dockerfile/java.js";
import type { ImageStart } from "./image-start.js";

/** Variables that images of Java programs have. */
const VARIABLES = /^(?:JAVA_HOME|JAVA_VERSION|JRE_HOME|JDK_HOME|JAVA_OPTS|JAVA_TOOL_OPTIONS)=/;
/** Folders of a Java runtime. */
const FOLDERS = /^(?:java|jdk|jre|openjdk)/;
/** Servers that are Java, whatever their image's start script is called. */
const SERVERS = /(?:^|[-_])(?:kafka|zookeeper)(?:[-_]|$)/;

/**
 * What shows that a service is a Java program; undefined where nothing does. A JVM may hang under
 * QEMU's user emulation, so that nothing can be learnt from it there.
 *
 * @param command what the compose file starts in the image's place, where it says so.
 * @param repository the image's, without a tag.
 */
export function javaSign(
  { entrypoint, command, env }: ImageStart,
  repository: string,
): string | undefined {
  const program = javaIn([...entrypoint, ...command]) ?? javaIn(command);
  if (program !== undefined) return `it starts ${program}`;
  const variable = env.find((one) => VARIABLES.test(one) || hasJavaOnPath(one));
  if (variable !== undefined) return `its image sets ${variable.slice(0, variable.indexOf("="))}`;
  const name = repository.slice(repository.lastIndexOf("/") + 1);
  return SERVERS.test(name) ? `its image is ${name}` : undefined;
}

function hasJavaOnPath(variable: string): boolean {
  return variable.startsWith("PATH=") && variable.split(/[=:/]/).some((part) => FOLDERS.test(part));
}
