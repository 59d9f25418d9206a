import { type ShellCommand, readShell } from "./shell-text.js";

/** Programs that are Java, or start it. */
const JAVA = new Set([
  ...["java", "javac", "javadoc", "jar", "jlink", "jdeps", "jshell", "keytool", "jarsigner"],
  ...["mvn", "mvnw", "gradle", "gradlew", "sbt", "ant", "lein", "kotlinc", "scala", "scalac"],
]);
/** Start scripts of servers written in Java. */
const SCRIPT = /^(?:zk[A-Z]\w*|zookeeper[\w-]*|kafka[\w-]*|connect-\w+|catalina|jetty)\.sh$/;

/** Words before a command that start it, or that a shell's grammar puts there. */
const BEFORE = new Set([
  ...["!", "{", "if", "then", "elif", "else", "while", "until", "do", "time"],
  ...["exec", "command", "env", "nohup", "nice", "sudo", "xargs", "timeout", "setsid", "eval"],
]);
const SHELLS = new Set(["sh", "bash", "ash", "dash", "ksh", "zsh"]);
/** `sh -c 'sh -c …'`: deeper than this nobody means it. */
const DEPTH_MAX = 8;

/** The program with which a command starts Java; undefined when it does not. */
export function javaIn(command: ShellCommand, depth = 0): string | undefined {
  const words = command.slice(firstWord(command));
  const [program] = words;
  if (program === undefined) return undefined;
  const name = program.slice(program.lastIndexOf("/") + 1);
  if (JAVA.has(name) || SCRIPT.test(name)) return name;
  if (!SHELLS.has(name) || depth >= DEPTH_MAX) return undefined;
  const script = words.find((word, index) => index > 0 && !word.startsWith("-"));
  if (script === undefined) return undefined;
  // With -c the word is a text of commands, else a script's name.
  return words.some((word) => /^-[a-z]*c$/.test(word))
    ? javaInText(script, depth + 1)
    : javaIn([script], depth + 1);
}

/** The first program of a shell's text that starts Java. */
export function javaInText(text: string, depth = 0): string | undefined {
  for (const command of readShell(text).commands) {
    const program = javaIn(command, depth);
    if (program !== undefined) return program;
  }
  return undefined;
}

/** Past assignments, redirections, and words such as `then`, `exec` and `timeout 30`. */
function firstWord(command: ShellCommand): number {
  let wrapped = false;
  for (const [index, word] of command.entries()) {
    if (/^\w+\+?=/.test(word) || /^[<>]/.test(word)) continue;
    if (BEFORE.has(word)) {
      wrapped = true;
      continue;
    }
    if (wrapped && /^(?:-|\d+[smhd]?$)/.test(word)) continue;
    return index;
  }
  return command.length;
}
