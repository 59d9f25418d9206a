/**
 * The form of an image name with a tag, perhaps with a digest too, as the distribution project's
 * `reference` grammar has it. The registry room parses it for good; here it only has to be one.
 */
const FORM =
  /^(?<name>(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d{1,5})?\/)?[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*)(?::(?<tag>[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$/;

/** The tag of an image name, without the digest that may follow it; undefined when it has none. */
export function imageTag(image: string): string | undefined {
  return FORM.exec(image)?.groups?.["tag"];
}

/**
 * What is wrong with an image name in a bundle, or undefined. A name without a tag, `latest`, and
 * every tag without a digit (`stable`, `edge`, `main`, `alpine`) mean another image tomorrow.
 */
export function imageNameTrouble(image: string): { message: string; hint: string } | undefined {
  const found = image.length <= 512 ? FORM.exec(image)?.groups : undefined;
  if (found === undefined) {
    return {
      message: `${JSON.stringify(image)} is not an image name`,
      hint: "Write it like redis:7.0.15 or quay.io/coreos/etcd:v3.5.21.",
    };
  }
  const { tag } = found;
  if (tag === undefined) {
    return {
      message: `${image} has no tag, so it floats`,
      hint: "Name the version as a tag; a digest may follow it, but an engine needs the tag.",
    };
  }
  if (!/\d/.test(tag) || /^latest\b/i.test(tag)) {
    return {
      message: `the tag of ${image} floats: it names another image tomorrow`,
      hint: "Name a version.",
    };
  }
  return undefined;
}
