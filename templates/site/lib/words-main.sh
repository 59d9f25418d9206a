# shellcheck shell=sh
# Texts of the installer itself.

words_main_en() { # KEY ARG...
    key=$1
    shift
    case $key in
        help) cat <<'END'
Installs this bundle on a host without network, and looks after it.

Usage: ./install.sh [COMMAND] [OPTION]...

  install      check, load, configure, up; an upgrade where an older release runs (default)
  check        everything that can be known before anything changes; --json for machines
  load         load the images that are missing; --registry HOST[/PREFIX] pushes them there
  configure    set the site's settings, make passwords
  up           start the services and wait until they are healthy
  status       what runs; --json for machines
  logs         what the services say: logs [SERVICE]... [--tail N] [--follow]
  down         stop and remove the containers; data stays
  upgrade      to this bundle from what is installed; goes back by itself when it fails
  rollback     back to the release before
  verify       ask the engine once more for every image
  prune        remove images of older releases
  uninstall    remove all but data and passwords; --purge removes those too
  engine       install the engine that the bundle carries, if it does
  support      pack logs and findings into one file for somebody who helps, without passwords

`./install.sh help COMMAND` says more.

END
            "words_main_$SPOKEN" help_options ;;
        help_options) cat <<'END'
Options:
  --set NAME=VALUE        set one of the settings listed in README.md (repeatable)
  --settings FILE         settings from a file of NAME=VALUE lines
  --data-dir DIR          keep the data here; the same as --set DATA_DIR=DIR
  --host-address ADDRESS  how others reach this host; the same as --set HOST_ADDRESS=ADDRESS
  --timeout SECONDS       how long the services may take to start (default 600)
  --engine docker|podman  the engine to use (default: docker where it is installed)
  --project NAME          name of the compose project, for a second installation on one host
  --home DIR              where the installation is kept (default /var/lib/openim-bundler/PROJECT)
  --yes                   answer every question with yes, ask for no setting
  --dry-run               say what would be done, change nothing
  --allow-emulation       go on although the host has another architecture; for trials only
  --lang en|zh            language of the messages (default: from the locale)
  --help                  this text

Exit codes: 0 done; 1 unexpected; 2 wrong option, or a question that nobody answered; 3 bundle
damaged; 4 wrong architecture; 5 engine or tool missing or too old; 6 disk full; 7 an image could
not be loaded or is not what it should be; 8 a setting is wrong; 9 services did not become ready;
10 folder not writable, or another run is going on; 11 another check failed; 12 upgrade failed and
taken back; 13 neither forward nor back; 130 interrupted.
END
            ;;
        help_install) cat <<'END'
Usage: ./install.sh [install] [OPTION]...

Checks the bundle and the host, loads the images that are missing, writes settings and passwords,
starts the services, waits until each is healthy and tries each once. It may be run again at any
time: settings and passwords are kept, images that are there are not loaded again, services that
run are left alone. Where another release is installed it is an upgrade.

  sudo ./install.sh
  sudo ./install.sh --yes --set TZ=UTC --data-dir /data/openim

END
            ;;
        help_check) cat <<'END'
Usage: ./install.sh check [--json] [OPTION]...

Changes nothing. Each finding is ok, a warning or a failure, with what mends it.

END
            ;;
        help_load) cat <<'END'
Usage: ./install.sh load [--only A,B] [--registry HOST[/PREFIX]] [OPTION]...

Loads the images that the engine lacks and writes the receipt: what the engine says of each. With
--registry they are pushed to the site's registry too, and the compose file takes them from there;
log in with the engine first (docker login).

  sudo ./install.sh load --only redis,etcd
  sudo ./install.sh load --registry registry.example.com/openim

END
            ;;
        help_configure) cat <<'END'
Usage: ./install.sh configure [--set NAME=VALUE]... [--settings FILE] [OPTION]...

On a terminal it asks for every setting; Enter keeps what is shown. Passwords are made here, never
shown, and kept for ever. `up` applies what was changed.

END
            ;;
        help_up) cat <<'END'
Usage: ./install.sh up [OPTION]...

Starts the services, waits until each is healthy, tries each once.

END
            ;;
        help_status) cat <<'END'
Usage: ./install.sh status [--json]

Shows every service. Exit code 0 when all are ready, 9 when not.

END
            ;;
        help_logs) cat <<'END'
Usage: ./install.sh logs [SERVICE]... [--tail N] [--follow]

  sudo ./install.sh logs redis --tail 50
  sudo ./install.sh logs --follow

END
            ;;
        help_down) cat <<'END'
Usage: ./install.sh down

Stops and removes the containers. Data, settings and images stay; `up` starts them again.

END
            ;;
        help_upgrade) cat <<'END'
Usage: ./install.sh upgrade [--yes] [OPTION]...

Run it from the newer bundle. It shows what changes, asks, loads, and only then changes hands. Where
a service does not become healthy in time, the release before is started again by itself. Data and
passwords are kept. Interrupted, it goes on when it is called again; `rollback` goes back instead.

END
            ;;
        help_rollback) cat <<'END'
Usage: ./install.sh rollback [--yes]

Starts the release that ran before this one, with its images and settings of then. Data stays as it is.

END
            ;;
        help_verify) cat <<'END'
Usage: ./install.sh verify [--json]

Asks the engine for every image of the installed release, compares with the bundle, and writes the
receipt anew.

END
            ;;
        help_prune) cat <<'END'
Usage: ./install.sh prune [--yes]

Removes images and files of every release but the installed one. `rollback` is not possible after it.

END
            ;;
        help_uninstall) cat <<'END'
Usage: ./install.sh uninstall [--purge [--confirm PROJECT]]

Removes containers, networks, images and the installer's own files. Data and the settings with the
passwords stay, for another installation. With --purge they go too, once the name of the project
has been typed (or given with --confirm).

END
            ;;
        help_engine) cat <<'END'
Usage: ./install.sh engine [--engine-data DIR] [--remove] [--yes]

Installs Docker from this bundle as a service of this host, where the bundle carries it and the host
has none. --remove takes it away again.

END
            ;;
        help_support) cat <<'END'
Usage: ./install.sh support [FILE]

Packs logs, versions and findings into one file. Passwords are replaced by ***.

END
            ;;
        option_without_value) printf 'The option %s needs a value. See ./install.sh --help.\n' "$@" ;;
        unknown_option) printf 'Unknown option: %s. See ./install.sh --help.\n' "$@" ;;
        unknown_command) printf 'Unknown command: %s. See ./install.sh --help.\n' "$@" ;;
        unexpected_word) printf 'Unexpected word: %s. `%s` takes none.\n' "$@" ;;
        option_of_others) printf 'The option --%s means nothing to `%s`; it belongs to: %s.\n' "$@" ;;
        unknown_engine) printf 'Unknown engine: %s. Use docker or podman.\n' "$@" ;;
        unknown_language) printf 'Unknown language: %s. Use en or zh.\n' "$@" ;;
        unknown_component) printf 'There is no component %s. There are: %s\n' "$@" ;;
        bad_timeout) printf '%s is not a number of seconds.\n' "$@" ;;
        bad_tail) printf '%s is not a number of lines.\n' "$@" ;;
        bad_project) printf '%s cannot be the name of a project: lower-case letters and digits only, with - or _ between them.\n' "$@" ;;
        bad_registry) printf '%s is not a registry like registry.example.com:5000/openim.\n' "$@" ;;
        bad_set) printf '%s: a setting is NAME=VALUE in one line, as in --set TZ=UTC.\n' "$@" ;;
        nobody_to_ask) printf '`%s` has a question and there is no terminal to ask on. Nothing was changed. Run it with --yes, and give settings with --set.\n' "$@" ;;
        yes_or_no) printf 'Go on? [y/N]' ;;
        not_confirmed) printf 'Not confirmed: nothing was changed.\n' ;;
        no_bundle) printf '%s is not a bundle: site/bundle.tsv is missing. Extract the archive again.\n' "$@" ;;
        needs_bundle) printf '`%s` needs the images: run it from the folder of the extracted archive.\n' "$@" ;;
        home_is_fixed) printf 'This is the copy that is installed in %s: --home and --project are fixed here.\n' "$@" ;;
        home_of_another) printf '%s belongs to another project, %s. Use --home for another folder.\n' "$@" ;;
        not_installed_here) printf 'Nothing is installed in %s. Run ./install.sh from the folder of the extracted archive.\n' "$@" ;;
        another_installed) printf '%s is installed. `%s` would mix two releases: use `upgrade`.\n' "$@" ;;
        release_not_copied) printf 'The bundle could not be copied to %s. Is there room?\n' "$@" ;;
        checking_files) printf 'Checking the bundle against SHA256SUMS ...\n' ;;
        checking_file) printf '  [%s/%s] %s (%s)\n' "$@" ;;
        sums_missing) printf 'SHA256SUMS is missing or empty: the bundle is not complete. Nothing was changed. Extract the archive again.\n' ;;
        sums_malformed) printf 'Line %s of SHA256SUMS cannot be read.\n' "$@" ;;
        file_missing) printf 'Missing file: %s\n' "$@" ;;
        file_changed) printf 'Damaged or changed file: %s\n  expected sha256 %s\n  found    sha256 %s\n' "$@" ;;
        blob_changed) printf 'Damaged or changed file: %s, the blob at byte %s\n  expected sha256 %s\n  found    sha256 %s\n' "$@" ;;
        structure_changed) printf 'Damaged or changed file: %s, its headers and documents, or its length\n  expected sha256 %s\n  found    sha256 %s\n' "$@" ;;
        file_exists) printf '%s exists already. Nothing was written.\n' "$@" ;;
        unlisted_files) printf 'Files that do not belong to the bundle:\n%s\n' "$@" ;;
        bundle_damaged) printf 'The bundle is not as it was made. Nothing was changed on this host. Copy the archive here again, extract it into an empty folder and try once more.\n' ;;
        tool_missing) printf 'The program %s is missing on this host.\n' "$@" ;;
        folder_not_writable) printf 'Cannot write into %s. Run as root (sudo), choose another folder, or make room.\n' "$@" ;;
        already_running) printf 'Another run is working on this installation (process %s). Wait until it has ended.\n' "$@" ;;
        interrupted) printf 'Interrupted. Nothing is lost: run %s again, and it goes on where it stopped.\n' "$@" ;;
        unexpected) printf 'Stopped unexpectedly. Details are in %s.\n' "$@" ;;
        installing) printf '%s for %s.\n' "$@" ;;
        checks_passed) printf 'CHECKED: nothing stands against installing. Nothing was changed. Next: ./install.sh\n' ;;
        nothing_changed) printf 'Nothing was changed (--dry-run).\n' ;;
        image_there) printf '[%s/%s] %s: image is already there.\n' "$@" ;;
        loading_image) printf '[%s/%s] %s: loading image (%s) ...\n' "$@" ;;
        loading_images) printf '[%s/%s] %s: loading image (%s, with those of %s) ...\n' "$@" ;;
        image_came_along) printf '[%s/%s] %s: image came along.\n' "$@" ;;
        pushing_image) printf '[%s/%s] %s: pushing %s ...\n' "$@" ;;
        would_load) printf 'Would load: %s (%s)\n' "$@" ;;
        would_come_along) printf 'Would come along: %s\n' "$@" ;;
        no_tarball) printf 'The image of %s is not in the engine, and its tarball is not here: %s. Run install.sh from the folder of the extracted archive.\n' "$@" ;;
        load_failed) printf 'The image of %s could not be loaded from %s. What the engine said is in %s.\n' "$@" ;;
        push_failed) printf 'The image of %s could not be pushed as %s. What the engine said is in %s. Log in with the engine first; a registry without TLS has to be among its insecure registries.\n' "$@" ;;
        same_name_twice) printf 'Two images would get the same name in one registry: %s. Nothing was pushed.\n' "$@" ;;
        registry_compose) printf 'The services take their images from there: %s\n' "$@" ;;
        image_differs) printf 'The image of %s was loaded, but the engine does not have %s with the expected digest %s.\n' "$@" ;;
        image_wrong_platform) printf 'The image of %s (%s) should be for %s, but the engine says %s.\n' "$@" ;;
        image_not_kept) printf 'The images of release %s could not be given a second name, so there would be no way back. Nothing was changed. What the engine said is in %s.\n' "$@" ;;
        image_gone) printf 'The image of %s is not in the engine any more: %s. Load it from the bundle of that release.\n' "$@" ;;
        images_not_loaded) printf 'Not all images are in the engine. Run %s load from the folder of the extracted archive.\n' "$@" ;;
        receipt_head) printf 'What the engine says of the images:\n' ;;
        receipt_line) printf '  %-5s %-20s %s %s %s %s\n' "$@" ;;
        receipt_bad) printf 'WRONG\n' ;;
        receipt_failed) printf 'NOT AS IN THE BUNDLE: an image is missing in the engine or is another one. See %s. Load it again with ./install.sh load.\n' "$@" ;;
        loaded) printf 'LOADED: every image is in the engine, as in the bundle. Receipt: %s. Next: %s\n' "$@" ;;
        other_image) printf 'Containers that run another image than the installed release has: %s\n' "$@" ;;
        runs_others) printf 'NOT AS IN THE BUNDLE: run ./install.sh up, which starts them anew.\n' ;;
        verified) printf 'VERIFIED: %s: the engine has every image as in the bundle. Receipt: %s\n' "$@" ;;
        unknown_setting) printf 'There is no setting %s. There are: %s\n' "$@" ;;
        settings_unreadable) printf 'The file of settings cannot be read: %s\n' "$@" ;;
        setting_question) printf '%s: %s\n' "$@" ;;
        secret_kept) printf '%s has a value already, and the services use it: it cannot be changed with --set.\n' "$@" ;;
        bad_value) printf '%s must be a %s, and may not contain quotes, backslashes, $ or #; found: %s\n' "$@" ;;
        value_needed) printf '%s needs a value (%s). Give it with --set NAME=VALUE.\n' "$@" ;;
        value_not_made) printf 'No value could be made for %s.\n' "$@" ;;
        bad_env_line) printf 'Line %s of %s is not NAME=VALUE. Write it without spaces and without export, or remove it.\n' "$@" ;;
        data_without_settings) printf 'There is data of an earlier installation (%s), but its settings and passwords are not here. Copy its .env to %s, or choose another folder with --data-dir.\n' "$@" ;;
        data_folder) printf 'The data folder %s cannot be made. Run as root (sudo ./install.sh), or choose another one with --data-dir.\n' "$@" ;;
        settings_kept) printf 'Settings: %s (unchanged).\n' "$@" ;;
        settings_written) printf 'Settings: %s (written; it holds the passwords, keep a copy in a safe place).\n' "$@" ;;
        configured) printf 'CONFIGURED: %s. Next: %s up applies it.\n' "$@" ;;
        read_notes) printf 'Before the first use, read %s: it says what has to be prepared.\n' "$@" ;;
        would_start) printf 'Would start %s. Nothing was changed (--dry-run).\n' "$@" ;;
        would_stop) printf 'Would stop and remove the containers of %s. Nothing was changed (--dry-run).\n' "$@" ;;
        starting_services) printf 'Starting the services ...\n' ;;
        stopping_services) printf 'Stopping the services ...\n' ;;
        not_stopped) printf 'NOT STOPPED: what compose said is in %s.\n' "$@" ;;
        stopped) printf 'STOPPED: %s. Data, settings and images are kept. Start again: %s up\n' "$@" ;;
        not_created) printf 'not created yet\n' ;;
        waiting) printf '  %s s: %s of %s ready; waiting for %s\n' "$@" ;;
        settling) printf '  %s s: all %s ready; making sure that they stay so\n' "$@" ;;
        service_not_ready) printf 'Not ready: %s, state: %s, restarts: %s. Its last lines, where there are any:\n' "$@" ;;
        health_check_said) printf '    health check: %s\n' "$@" ;;
        compose_failed) printf 'Compose could not start the services.\n' ;;
        port_allocated) printf 'The engine says that a port is allocated already. Where no container uses it (%s ps), restart the engine: after it was killed it may keep the port of a container that it was just starting.\n' "$1" ;;
        service_failed) printf 'A service ended.\n' ;;
        too_slow) printf 'Not all services were ready after %s s (--timeout gives them longer).\n' "$@" ;;
        not_installed) printf 'NOT INSTALLED: %s does not run as it should. The log is %s. Mend what is named above, then run ./install.sh again.\n' "$@" ;;
        smoke_head) printf 'Trying each service once ...\n' ;;
        smoke_passed) printf '  ok    %s: %s\n' "$@" ;;
        smoke_skipped) printf '  left  %s: %s (no program here can ask: curl, wget)\n' "$@" ;;
        smoke_failed) printf '  FAIL  %s: %s (exit code %s)\n        %s\n' "$@" ;;
        smoke_expected) printf 'without the expected %s\n' "$@" ;;
        smoke_not_passed) printf '%s smoke tests failed.\n' "$@" ;;
        no_container) printf 'no container of %s runs\n' "$@" ;;
        address) printf '  %-20s %-24s %s\n' "$@" ;;
        settings_hint) printf 'Settings and passwords: %s\n' "$@" ;;
        data_hint) printf 'Data: %s\n' "$@" ;;
        status_hint) printf 'From now on: %s status | logs | down | up | rollback | support\n' "$@" ;;
        success) printf 'INSTALLED: %s is running; all %s services are ready. Keep a copy of the settings, then use the addresses above.\n' "$@" ;;
        status_head) printf '%s (%s) in %s\n' "$@" ;;
        status_line) printf '  %-20s %-10s %s, restarts: %s\n' "$@" ;;
        state_ready) printf 'ready\n' ;;
        state_waiting) printf 'not ready\n' ;;
        state_failed) printf 'ended\n' ;;
        status_never_up) printf 'This release was never up: run ./install.sh to go on.\n' ;;
        status_ready) printf 'READY: %s; all services are ready.\n' "$@" ;;
        status_not_ready) printf 'NOT READY. Look with `%s logs SERVICE`, start with `up`.\n' "$@" ;;
        nothing_to_prune) printf 'PRUNED: there is no older release to remove.\n' ;;
        prune_release) printf 'Older release: %s\n' "$@" ;;
        confirm_prune) printf 'Their images and files are removed. There is no rollback after that.\n' ;;
        prune_unfinished) printf 'An upgrade has not come to its end. Run `upgrade` or `rollback` first.\n' ;;
        changed_meanwhile) printf 'Another run has made another release the installed one meanwhile. Nothing was changed; call this again.\n' ;;
        pruned) printf 'PRUNED: %s is left.\n' "$@" ;;
        image_removed) printf '  removed: %s\n' "$@" ;;
        image_in_use) printf '  kept, something uses it: %s\n' "$@" ;;
        uninstall_plan) printf 'To be removed: containers and networks of the project %s, its images, and %s\n' "$@" ;;
        data_and_volumes) printf 'the data in %s and in the volumes %s' "$@" ;;
        data_in) printf 'the data in %s' "$@" ;;
        data_volumes) printf 'the data in the volumes %s' "$@" ;;
        data_none) printf 'no data (there is none)' ;;
        keep_plan) printf 'Kept: %s; and the settings with the passwords in %s\n' "$@" ;;
        purge_plan) printf 'AND FOR EVER: %s, and all passwords.\n' "$@" ;;
        confirm_uninstall) printf 'The services stop and are removed.\n' ;;
        type_name) printf 'All data will be lost. Type the name of the project (%s) to go on:\n' "$@" ;;
        purge_needs_name) printf -- '--purge removes all data. Without a terminal, say so with --confirm %s. Nothing was changed.\n' "$@" ;;
        data_not_purged) printf 'The data folder %s is one of the system: it is not removed from here. Nothing was changed.\n' "$@" ;;
        data_in_release) printf 'The data folder %s lies in %s, and goes with a release there. Choose another place, and move data that is there already.\n' "$@" ;;
        data_around_bundle) printf 'The data folder %s has this folder in it: %s. Call install.sh from the installation'"'"'s own folder (current/), or move the data away first. Nothing was changed.\n' "$@" ;;
        data_left) printf 'Some of the data in %s could not be removed. What the system said is in %s. Mend that and call this again.\n' "$@" ;;
        volume_in_use) printf 'The volume %s could not be removed. What the engine said is in %s.\n' "$@" ;;
        not_installed_any_more) printf 'UNINSTALLED: nothing of it is in %s.\n' "$@" ;;
        uninstalled) printf 'UNINSTALLED: %s. Kept: %s, and the passwords in %s. A new installation takes them over; `uninstall --purge` removes them.\n' "$@" ;;
        purged) printf 'UNINSTALLED: %s, with all its data.\n' "$@" ;;
        support_head) printf 'Collecting what helps ...\n' ;;
        support_would) printf 'Would pack what helps into %s. Nothing was changed (--dry-run).\n' "$@" ;;
        support_packed) printf 'PACKED: %s. It has no passwords in it; look into it before you send it.\n' "$@" ;;
        *) printf '%s\n' "$key" "$@" ;;
    esac
}

words_main_zh() { # KEY ARG...
    key=$1
    shift
    case $key in
        help) cat <<'END'
在无法联网的主机上安装并维护本安装包。

用法：./install.sh [命令] [选项]...

  install      检查、加载、配置、启动；已装有旧版本时即为升级（默认命令）
  check        在做任何改动之前检查一切可知的条件；--json 供程序读取
  load         加载缺少的镜像；--registry HOST[/PREFIX] 同时推送到本地镜像仓库
  configure    填写设置，生成密码
  up           启动服务并等待全部健康
  status       查看运行状态；--json 供程序读取
  logs         查看服务日志：logs [服务]... [--tail N] [--follow]
  down         停止并删除容器，数据保留
  upgrade      从已安装的版本升级到本安装包；失败时自动回退
  rollback     回退到上一个版本
  verify       再次向容器引擎核对每个镜像
  prune        删除旧版本的镜像
  uninstall    卸载，保留数据和密码；加 --purge 则一并删除
  engine       安装本安装包自带的容器引擎（如有）
  support      把日志和检查结果打包成一个文件供他人协助，不含密码

`./install.sh help 命令` 显示详细说明。

END
            "words_main_$SPOKEN" help_options ;;
        help_options) cat <<'END'
选项：
  --set NAME=VALUE        设置 README.zh-CN.md 中列出的某个设置项（可重复使用）
  --settings FILE         从文件读取设置，每行一个 NAME=VALUE
  --data-dir DIR          数据目录，等同于 --set DATA_DIR=DIR
  --host-address ADDRESS  其他机器访问本机所用的地址，等同于 --set HOST_ADDRESS=ADDRESS
  --timeout SECONDS       等待服务就绪的最长时间，单位为秒（默认 600）
  --engine docker|podman  使用的容器引擎（默认：已安装 docker 时使用 docker）
  --project NAME          compose 项目名，用于在同一主机上再装一套
  --home DIR              安装信息的存放目录（默认 /var/lib/openim-bundler/项目名）
  --yes                   所有问题都回答“是”，不询问设置
  --dry-run               只说明将做什么，不做任何改动
  --allow-emulation       主机架构不符时仍然继续，仅供试用
  --lang en|zh            提示信息的语言（默认：取自系统语言环境）
  --help                  显示本帮助

退出码：0 完成；1 意外错误；2 选项错误，或有问题无人回答；3 安装包损坏；4 架构不符；5 缺少容器引擎或工具，
或版本过低；6 磁盘空间不足；7 镜像加载失败或与安装包不符；8 设置有误；9 服务未能就绪；10 目录不可写或另有
操作在进行；11 其他检查未通过；12 升级失败并已回退；13 升级和回退均失败；130 被中断。
END
            ;;
        help_install) cat <<'END'
用法：./install.sh [install] [选项]...

检查安装包和主机，加载缺少的镜像，写入设置和密码，启动服务，等待全部健康并逐一试用。可以随时重复运行：
设置和密码会保留，已有的镜像不会重复加载，正在运行的服务不受影响。已装有其他版本时即为升级。

  sudo ./install.sh
  sudo ./install.sh --yes --set TZ=UTC --data-dir /data/openim

END
            ;;
        help_check) cat <<'END'
用法：./install.sh check [--json] [选项]...

不做任何改动。每项结果为通过、警告或失败，并给出处理办法。

END
            ;;
        help_load) cat <<'END'
用法：./install.sh load [--only A,B] [--registry HOST[/PREFIX]] [选项]...

加载容器引擎缺少的镜像并写下回执：容器引擎对每个镜像的回答。指定 --registry 时还会推送到本地镜像仓库，
compose 文件改为从那里取镜像；请先用容器引擎登录（docker login）。

  sudo ./install.sh load --only redis,etcd
  sudo ./install.sh load --registry registry.example.com/openim

END
            ;;
        help_configure) cat <<'END'
用法：./install.sh configure [--set NAME=VALUE]... [--settings FILE] [选项]...

在终端上逐项询问设置，直接回车表示保留所示的值。密码在本机生成，从不显示，一直保留。改动由 `up` 生效。

END
            ;;
        help_up) cat <<'END'
用法：./install.sh up [选项]...

启动服务，等待全部健康，并逐一试用。

END
            ;;
        help_status) cat <<'END'
用法：./install.sh status [--json]

显示每个服务。全部就绪时退出码为 0，否则为 9。

END
            ;;
        help_logs) cat <<'END'
用法：./install.sh logs [服务]... [--tail N] [--follow]

  sudo ./install.sh logs redis --tail 50
  sudo ./install.sh logs --follow

END
            ;;
        help_down) cat <<'END'
用法：./install.sh down

停止并删除容器。数据、设置和镜像保留，用 `up` 重新启动。

END
            ;;
        help_upgrade) cat <<'END'
用法：./install.sh upgrade [--yes] [选项]...

在新安装包的目录中运行。先列出改动并询问，加载镜像，然后才切换。若有服务未能及时健康，会自动重新启动原来的
版本。数据和密码保留。被中断后再次运行会继续；`rollback` 则改为回退。

END
            ;;
        help_rollback) cat <<'END'
用法：./install.sh rollback [--yes]

启动上一个版本，使用其当时的镜像和设置。数据保持现状。

END
            ;;
        help_verify) cat <<'END'
用法：./install.sh verify [--json]

向容器引擎核对已安装版本的每个镜像，与安装包比较，并重新写下回执。

END
            ;;
        help_prune) cat <<'END'
用法：./install.sh prune [--yes]

删除已安装版本以外各版本的镜像和文件。此后不能再回退。

END
            ;;
        help_uninstall) cat <<'END'
用法：./install.sh uninstall [--purge [--confirm 项目名]]

删除容器、网络、镜像和安装程序自己的文件。数据以及含密码的设置保留，供再次安装使用。指定 --purge 时，
在输入项目名（或用 --confirm 给出）之后一并删除。

END
            ;;
        help_engine) cat <<'END'
用法：./install.sh engine [--engine-data DIR] [--remove] [--yes]

本机没有容器引擎而安装包自带 Docker 时，将其安装为本机的系统服务。--remove 将其移除。

END
            ;;
        help_support) cat <<'END'
用法：./install.sh support [文件]

把日志、版本和检查结果打包成一个文件。密码以 *** 代替。

END
            ;;
        option_without_value) printf '选项 %s 需要一个值，参见 ./install.sh --help。\n' "$@" ;;
        unknown_option) printf '未知选项：%s，参见 ./install.sh --help。\n' "$@" ;;
        unknown_command) printf '未知命令：%s，参见 ./install.sh --help。\n' "$@" ;;
        unexpected_word) printf '多余的参数：%s。`%s` 不带参数。\n' "$@" ;;
        option_of_others) printf '选项 --%s 不适用于 `%s`，它属于：%s。\n' "$@" ;;
        unknown_engine) printf '未知的容器引擎：%s，请使用 docker 或 podman。\n' "$@" ;;
        unknown_language) printf '未知的语言：%s，请使用 en 或 zh。\n' "$@" ;;
        unknown_component) printf '没有名为 %s 的组件。可用的组件：%s\n' "$@" ;;
        bad_timeout) printf '%s 不是有效的秒数。\n' "$@" ;;
        bad_tail) printf '%s 不是有效的行数。\n' "$@" ;;
        bad_project) printf '%s 不能用作项目名：只能包含小写字母和数字，中间可用 - 或 _ 分隔。\n' "$@" ;;
        bad_registry) printf '%s 不是有效的镜像仓库，例如 registry.example.com:5000/openim。\n' "$@" ;;
        bad_set) printf '%s：设置的格式为单行的 NAME=VALUE，例如 --set TZ=UTC。\n' "$@" ;;
        nobody_to_ask) printf '`%s` 需要询问，但没有可用的终端。未做任何改动。请加 --yes 运行，并用 --set 给出设置。\n' "$@" ;;
        yes_or_no) printf '是否继续？[y/N]' ;;
        not_confirmed) printf '未确认，未做任何改动。\n' ;;
        no_bundle) printf '%s 不是安装包：缺少 site/bundle.tsv。请重新解压安装包。\n' "$@" ;;
        needs_bundle) printf '`%s` 需要镜像文件：请在解压后的安装包目录中运行。\n' "$@" ;;
        home_is_fixed) printf '这是安装在 %s 中的副本，--home 和 --project 不能更改。\n' "$@" ;;
        home_of_another) printf '%s 属于另一个项目 %s。请用 --home 指定其他目录。\n' "$@" ;;
        not_installed_here) printf '%s 中没有安装任何版本。请在解压后的安装包目录中运行 ./install.sh。\n' "$@" ;;
        another_installed) printf '已安装 %s。`%s` 会混用两个版本，请使用 `upgrade`。\n' "$@" ;;
        release_not_copied) printf '无法把安装包复制到 %s。空间是否足够？\n' "$@" ;;
        checking_files) printf '正在按 SHA256SUMS 校验安装包……\n' ;;
        checking_file) printf '  [%s/%s] %s（%s）\n' "$@" ;;
        sums_missing) printf 'SHA256SUMS 不存在或为空，安装包不完整。未做任何改动。请重新解压安装包。\n' ;;
        sums_malformed) printf 'SHA256SUMS 第 %s 行无法识别。\n' "$@" ;;
        file_missing) printf '缺少文件：%s\n' "$@" ;;
        file_changed) printf '文件已损坏或被改动：%s\n  应为 sha256 %s\n  实为 sha256 %s\n' "$@" ;;
        blob_changed) printf '文件已损坏或被改动：%s，位于第 %s 字节的数据块\n  应为 sha256 %s\n  实为 sha256 %s\n' "$@" ;;
        structure_changed) printf '文件已损坏或被改动：%s，其头部、说明文件或长度\n  应为 sha256 %s\n  实为 sha256 %s\n' "$@" ;;
        file_exists) printf '%s 已存在，未写入任何内容。\n' "$@" ;;
        unlisted_files) printf '以下文件不属于本安装包：\n%s\n' "$@" ;;
        bundle_damaged) printf '安装包与制作时不一致。未对本机做任何改动。请重新拷贝安装包，解压到空目录后再试。\n' ;;
        tool_missing) printf '本机缺少程序 %s。\n' "$@" ;;
        folder_not_writable) printf '无法写入 %s。请以 root 身份运行（sudo）、换用其他目录，或清理空间。\n' "$@" ;;
        already_running) printf '另有操作正在处理本安装（进程 %s），请等待其结束。\n' "$@" ;;
        interrupted) printf '已中断，没有任何损失：再次运行 %s 会从中断处继续。\n' "$@" ;;
        unexpected) printf '意外终止，详情见 %s。\n' "$@" ;;
        installing) printf '%s（%s）。\n' "$@" ;;
        checks_passed) printf '检查通过：可以安装。未做任何改动。下一步：./install.sh\n' ;;
        nothing_changed) printf '未做任何改动（--dry-run）。\n' ;;
        image_there) printf '[%s/%s] %s：镜像已存在。\n' "$@" ;;
        loading_image) printf '[%s/%s] %s：正在加载镜像（%s）……\n' "$@" ;;
        loading_images) printf '[%s/%s] %s：正在加载镜像（%s，同时加载 %s 的镜像）……\n' "$@" ;;
        image_came_along) printf '[%s/%s] %s：镜像已一同加载。\n' "$@" ;;
        pushing_image) printf '[%s/%s] %s：正在推送 %s……\n' "$@" ;;
        would_load) printf '将加载：%s（%s）\n' "$@" ;;
        would_come_along) printf '将一同加载：%s\n' "$@" ;;
        no_tarball) printf '容器引擎中没有 %s 的镜像，此处也没有镜像文件：%s。请在解压后的安装包目录中运行 install.sh。\n' "$@" ;;
        load_failed) printf '%s 的镜像无法从 %s 加载，容器引擎的输出见 %s。\n' "$@" ;;
        push_failed) printf '%s 的镜像无法推送为 %s，容器引擎的输出见 %s。请先用容器引擎登录；不使用 TLS 的仓库须列入其 insecure registries。\n' "$@" ;;
        same_name_twice) printf '两个镜像在同一仓库中会重名：%s。未推送任何镜像。\n' "$@" ;;
        registry_compose) printf '服务将从该仓库取镜像：%s\n' "$@" ;;
        image_differs) printf '%s 的镜像已加载，但容器引擎中的 %s 与预期摘要 %s 不一致。\n' "$@" ;;
        image_wrong_platform) printf '%s 的镜像（%s）应适用于 %s，而容器引擎显示为 %s。\n' "$@" ;;
        image_not_kept) printf '无法为版本 %s 的镜像保留第二个名称，将无法回退。未做任何改动。容器引擎的输出见 %s。\n' "$@" ;;
        image_gone) printf '%s 的镜像已不在容器引擎中：%s。请从该版本的安装包加载。\n' "$@" ;;
        images_not_loaded) printf '并非所有镜像都在容器引擎中。请在解压后的安装包目录中运行 %s load。\n' "$@" ;;
        receipt_head) printf '容器引擎中的镜像：\n' ;;
        receipt_line) printf '  %-5s %-20s %s %s %s %s\n' "$@" ;;
        receipt_bad) printf '不符\n' ;;
        receipt_failed) printf '与安装包不符：容器引擎缺少某个镜像，或镜像不同，见 %s。请用 ./install.sh load 重新加载。\n' "$@" ;;
        loaded) printf '加载完成：所有镜像均在容器引擎中，与安装包一致。回执：%s。下一步：%s\n' "$@" ;;
        other_image) printf '以下容器运行的镜像与已安装版本不同：%s\n' "$@" ;;
        runs_others) printf '与安装包不符：请运行 ./install.sh up 重新启动。\n' ;;
        verified) printf '核对通过：%s，容器引擎中的所有镜像与安装包一致。回执：%s\n' "$@" ;;
        unknown_setting) printf '没有名为 %s 的设置项。可用的设置项：%s\n' "$@" ;;
        settings_unreadable) printf '无法读取设置文件：%s\n' "$@" ;;
        setting_question) printf '%s：%s\n' "$@" ;;
        secret_kept) printf '%s 已有值且服务正在使用，不能用 --set 更改。\n' "$@" ;;
        bad_value) printf '%s 的类型须为 %s，且不能包含引号、反斜杠、$ 或 #；实为：%s\n' "$@" ;;
        value_needed) printf '必须指定 %s（%s）。请使用 --set NAME=VALUE。\n' "$@" ;;
        value_not_made) printf '无法生成 %s 的值。\n' "$@" ;;
        bad_env_line) printf '第 %s 行（%s）不是 NAME=VALUE 格式。请去掉空格和 export，或删除该行。\n' "$@" ;;
        data_without_settings) printf '存在先前安装的数据（%s），但此处没有其设置和密码。请把当时的 .env 拷贝到 %s，或用 --data-dir 指定其他目录。\n' "$@" ;;
        data_folder) printf '无法创建数据目录 %s。请以 root 身份运行（sudo ./install.sh），或用 --data-dir 指定其他目录。\n' "$@" ;;
        settings_kept) printf '设置文件：%s（未改动）。\n' "$@" ;;
        settings_written) printf '设置文件：%s（已写入；其中含有密码，请妥善保存一份副本）。\n' "$@" ;;
        configured) printf '配置完成：%s。下一步：运行 %s up 生效。\n' "$@" ;;
        read_notes) printf '首次使用之前，请阅读 %s，其中说明需要事先准备的内容。\n' "$@" ;;
        would_start) printf '将启动 %s。未做任何改动（--dry-run）。\n' "$@" ;;
        would_stop) printf '将停止并删除 %s 的容器。未做任何改动（--dry-run）。\n' "$@" ;;
        starting_services) printf '正在启动服务……\n' ;;
        stopping_services) printf '正在停止服务……\n' ;;
        not_stopped) printf '停止失败，compose 的输出见 %s。\n' "$@" ;;
        stopped) printf '已停止：%s。数据、设置和镜像均保留。重新启动：%s up\n' "$@" ;;
        not_created) printf '尚未创建\n' ;;
        waiting) printf '  %s 秒：%s/%s 已就绪，正在等待 %s\n' "$@" ;;
        settling) printf '  %s 秒：%s 个服务均已就绪，正在确认是否稳定\n' "$@" ;;
        service_not_ready) printf '未就绪：%s，状态：%s，重启次数：%s。最后的日志（如有）：\n' "$@" ;;
        health_check_said) printf '    健康检查：%s\n' "$@" ;;
        compose_failed) printf 'compose 无法启动服务。\n' ;;
        port_allocated) printf '容器引擎称端口已被分配。如果没有容器使用该端口（%s ps），请重启容器引擎：若它在启动容器时被强行终止，可能会一直占用该容器的端口。\n' "$1" ;;
        service_failed) printf '有服务退出。\n' ;;
        too_slow) printf '%s 秒后仍有服务未就绪（可用 --timeout 延长）。\n' "$@" ;;
        not_installed) printf '安装未完成：%s 未能正常运行。日志见 %s。请处理上述问题后重新运行 ./install.sh。\n' "$@" ;;
        smoke_head) printf '正在逐一试用服务……\n' ;;
        smoke_passed) printf '  通过  %s：%s\n' "$@" ;;
        smoke_skipped) printf '  略过  %s：%s（本机没有可用的程序：curl、wget）\n' "$@" ;;
        smoke_failed) printf '  失败  %s：%s（退出码 %s）\n        %s\n' "$@" ;;
        smoke_expected) printf '没有预期的 %s\n' "$@" ;;
        smoke_not_passed) printf '%s 项试用未通过。\n' "$@" ;;
        no_container) printf '%s 没有正在运行的容器\n' "$@" ;;
        address) printf '  %-20s %-24s %s\n' "$@" ;;
        settings_hint) printf '设置和密码：%s\n' "$@" ;;
        data_hint) printf '数据：%s\n' "$@" ;;
        status_hint) printf '今后使用：%s status | logs | down | up | rollback | support\n' "$@" ;;
        success) printf '安装成功：%s 正在运行，%s 个服务全部就绪。请保存一份设置文件的副本，然后使用上面的地址。\n' "$@" ;;
        status_head) printf '%s（%s），位于 %s\n' "$@" ;;
        status_line) printf '  %-20s %-10s %s，重启次数：%s\n' "$@" ;;
        state_ready) printf '就绪\n' ;;
        state_waiting) printf '未就绪\n' ;;
        state_failed) printf '已退出\n' ;;
        status_never_up) printf '此版本从未启动成功：请运行 ./install.sh 继续。\n' ;;
        status_ready) printf '就绪：%s，所有服务均已就绪。\n' "$@" ;;
        status_not_ready) printf '未就绪。请用 `%s logs 服务` 查看，用 `up` 启动。\n' "$@" ;;
        nothing_to_prune) printf '清理完成：没有旧版本可删除。\n' ;;
        prune_release) printf '旧版本：%s\n' "$@" ;;
        confirm_prune) printf '将删除其镜像和文件，此后不能再回退。\n' ;;
        prune_unfinished) printf '有升级尚未完成。请先运行 `upgrade` 或 `rollback`。\n' ;;
        changed_meanwhile) printf '其间另一次运行已将另一版本设为当前版本。未做任何改动；请重新运行。\n' ;;
        pruned) printf '清理完成：仅保留 %s。\n' "$@" ;;
        image_removed) printf '  已删除：%s\n' "$@" ;;
        image_in_use) printf '  仍在使用，予以保留：%s\n' "$@" ;;
        uninstall_plan) printf '将删除：项目 %s 的容器和网络、其镜像，以及 %s\n' "$@" ;;
        data_and_volumes) printf '%s 中的数据和卷 %s 中的数据' "$@" ;;
        data_in) printf '%s 中的数据' "$@" ;;
        data_volumes) printf '卷 %s 中的数据' "$@" ;;
        data_none) printf '无数据' ;;
        keep_plan) printf '保留：%s；以及含密码的设置 %s\n' "$@" ;;
        purge_plan) printf '并且永久删除：%s，以及全部密码。\n' "$@" ;;
        confirm_uninstall) printf '服务将被停止并删除。\n' ;;
        type_name) printf '所有数据将丢失。请输入项目名（%s）以继续：\n' "$@" ;;
        purge_needs_name) printf -- '--purge 会删除全部数据。没有终端时，请用 --confirm %s 确认。未做任何改动。\n' "$@" ;;
        data_not_purged) printf '数据目录 %s 是系统目录，不在此处删除。未做任何改动。\n' "$@" ;;
        data_in_release) printf '数据目录 %s 位于 %s 之内，会随版本一起被删除。请另选位置，并移走其中已有的数据。\n' "$@" ;;
        data_around_bundle) printf '数据目录 %s 中含有本目录：%s。请从安装目录（current/）中运行 install.sh，或先移走数据。未做任何改动。\n' "$@" ;;
        data_left) printf '%s 中有数据无法删除，系统输出见 %s。处理后请重新运行。\n' "$@" ;;
        volume_in_use) printf '无法删除卷 %s，容器引擎的输出见 %s。\n' "$@" ;;
        not_installed_any_more) printf '已卸载：%s 中没有任何内容。\n' "$@" ;;
        uninstalled) printf '已卸载：%s。保留：%s，密码在 %s。再次安装会沿用；`uninstall --purge` 将其删除。\n' "$@" ;;
        purged) printf '已卸载：%s，数据已全部删除。\n' "$@" ;;
        support_head) printf '正在收集有助于诊断的信息……\n' ;;
        support_would) printf '将把有助于排查的信息打包到 %s。未做任何改动（--dry-run）。\n' "$@" ;;
        support_packed) printf '已打包：%s。其中不含密码，发送前请先查看。\n' "$@" ;;
        *) printf '%s\n' "$key" "$@" ;;
    esac
}
