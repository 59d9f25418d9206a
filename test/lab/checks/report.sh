# shellcheck shell=bash
# The page that `report` writes, in a real browser.

report_checks() {
  check "a browser is installed" install_browser
  check "report's page opens, is searched, printed and not broken out of" page_tests
}

install_browser() {
  # Read by install_host_packages.
  # shellcheck disable=SC2034
  local HOST_PACKAGES=(chromium)
  install_host_packages
}

# With CHROMIUM set nothing is left out.
page_tests() {
  cd "$project"
  CHROMIUM=$(command -v chromium) npx vitest run test/integration/report-page.test.ts
}

# Needs an archive, so it is called with the others that do.
report_on_archive() {
  local found=0
  bundler report "$ARCHIVE" --against "$ARCHIVE" -o "$LAB/out/report.html" --json >"$LAB/out/said" || found=$?
  cat "$LAB/out/said"
  expect "exit code" 0 "$found"
  jq -e '.ok and .components > 5 and .changes == 0' "$LAB/out/said"
  grep -qF 'http-equiv="Content-Security-Policy" content="default-src ' "$LAB/out/report.html"
}
