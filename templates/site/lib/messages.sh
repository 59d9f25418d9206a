# shellcheck shell=sh
# What people read, in English and Chinese: one key, one text in each language.

SPOKEN=en

language() {
    printf '%s\n' "$SPOKEN"
}

use_language() { # en|zh
    case $1 in
        en | zh) SPOKEN=$1 ;;
        *) fail 2 unknown_language "$1" ;;
    esac
}

# The first of these variables that is set decides (POSIX, 8.2).
language_of_locale() {
    case ${LC_ALL:-${LC_MESSAGES:-${LANG:-}}} in
        zh*) SPOKEN=zh ;;
    esac
}

in_language() { # ENGLISH CHINESE
    if [ "$SPOKEN" = zh ]; then printf '%s\n' "$2"; else printf '%s\n' "$1"; fi
}

message() { # KEY ARG...
    "message_$SPOKEN" "$@"
}

message_en() { # KEY ARG...
    key=$1
    shift
    case $key in
        help) cat <<'END'
Installs this bundle on a host without network.

Usage: ./install.sh [OPTION]...

  --set NAME=VALUE        set one of the settings listed in README.md (repeatable)
  --data-dir DIR          keep the data here; the same as --set DATA_DIR=DIR
  --host-address ADDRESS  how others reach this host; the same as --set HOST_ADDRESS=ADDRESS
  --timeout SECONDS       how long the services may take to start (default 600)
  --engine docker|podman  the engine to use (default: docker where it is installed)
  --lang en|zh            language of the messages (default: from the locale)
  --dry-run               check everything, change nothing
  --settings-only         check, write the settings and passwords into .env, then stop
  --allow-emulation       go on although the host has another architecture; for trials only
  --help                  this text

It may be run again at any time: settings and passwords in .env are kept, images that
are there are not loaded again, services that run are left alone.

Exit codes: 0 installed; 1 unexpected; 2 wrong option; 3 bundle damaged; 4 wrong
architecture; 5 engine or tool missing or too old; 6 disk full; 7 an image could not be
loaded; 8 a setting is wrong; 9 services did not become ready; 10 folder not writable or
another installation running; 130 interrupted.
END
            ;;
        option_without_value) printf 'The option %s needs a value. See ./install.sh --help.\n' "$@" ;;
        unknown_option) printf 'Unknown option: %s. See ./install.sh --help.\n' "$@" ;;
        unknown_engine) printf 'Unknown engine: %s. Use docker or podman.\n' "$@" ;;
        unknown_language) printf 'Unknown language: %s. Use en or zh.\n' "$@" ;;
        bad_timeout) printf '%s is not a number of seconds.\n' "$@" ;;
        bad_set) printf '%s: --set takes NAME=VALUE in one line, as in --set API_PORT=10002.\n' "$@" ;;
        checking_files) printf 'Checking the bundle against SHA256SUMS ...\n' ;;
        checking_file) printf '  [%s/%s] %s (%s)\n' "$@" ;;
        sums_missing) printf 'SHA256SUMS is missing or empty: the bundle is not complete. Nothing was changed. Extract the archive again.\n' ;;
        sums_malformed) printf 'Line %s of SHA256SUMS cannot be read.\n' "$@" ;;
        file_missing) printf 'Missing file: %s\n' "$@" ;;
        file_changed) printf 'Damaged or changed file: %s\n  expected sha256 %s\n  found    sha256 %s\n' "$@" ;;
        unlisted_files) printf 'Files that do not belong to the bundle:\n%s\n' "$@" ;;
        bundle_damaged) printf 'The bundle is not as it was made. Nothing was changed on this host. Copy the archive here again, extract it into an empty folder and try once more.\n' ;;
        tool_missing) printf 'The program %s is missing on this host.\n' "$@" ;;
        folder_not_writable) printf 'Cannot write into %s. Copy the bundle to a disk of this host, or run as root (sudo ./install.sh).\n' "$@" ;;
        already_running) printf 'Another installation is running here (process %s). If it is not, remove the folder %s and try again.\n' "$@" ;;
        interrupted) printf 'Interrupted. Run ./install.sh again: it goes on where it stopped.\n' ;;
        unexpected) printf 'Stopped unexpectedly. Details are in %s.\n' "$@" ;;
        installing) printf 'Installing %s for %s.\n' "$@" ;;
        host_fits) printf 'Host: %s.\n' "$@" ;;
        host_emulates) printf 'WARNING: the bundle is for %s, this host is %s. Going on because of --allow-emulation: everything will be slow, and some services may not run.\n' "$@" ;;
        wrong_architecture) printf 'This bundle is for %s, but this host is %s (uname -m: %s). Nothing was changed. Use the bundle made for this host.\n' "$@" ;;
        wrong_engine_architecture) printf 'This bundle is for %s, but %s here is a program for %s. Nothing was changed. Install the engine for the right architecture, or use another bundle.\n' "$@" ;;
        engine_missing) printf 'Neither Docker nor Podman is installed. Install Docker 18.09 or later from the medium of your Linux distribution, then run ./install.sh again.\n' ;;
        engine_silent) printf '%s is installed but does not answer. If it is not running: sudo systemctl start docker. If permission is denied: sudo ./install.sh. It said:\n%s\n' "$@" ;;
        engine_old) printf '%s %s is too old: %s or later is needed.\n' "$@" ;;
        engine_found) printf 'Engine: %s %s (%s).\n' "$@" ;;
        compose_missing) printf 'Docker Compose is missing. Install the package docker-compose-plugin or docker-compose (1.28 or later) of your Linux distribution, then run ./install.sh again.\n' ;;
        podman_compose_missing) printf 'podman-compose is missing. Install the package podman-compose of your Linux distribution, then run ./install.sh again.\n' ;;
        compose_old) printf '%s %s is too old: 1.28 or later is needed.\n' "$@" ;;
        compose_found) printf 'Compose: %s (%s).\n' "$@" ;;
        space_unknown) printf 'Free disk space could not be found out; the images take about four times %s.\n' "$@" ;;
        space_short) printf 'Not enough disk space at %s: %s free, at least %s needed, %s to be safe. Free some space, or move the data folder of the engine to a larger disk.\n' "$@" ;;
        space_tight) printf 'WARNING: disk space at %s may not suffice: %s free, %s would be safe.\n' "$@" ;;
        space_enough) printf 'Disk space at %s: %s free.\n' "$@" ;;
        nothing_changed) printf 'All checks passed. Nothing was changed (--dry-run).\n' ;;
        image_there) printf '[%s/%s] %s: image is already there.\n' "$@" ;;
        loading_image) printf '[%s/%s] %s: loading image (%s) ...\n' "$@" ;;
        load_failed) printf 'The image of %s could not be loaded from %s. What the engine said is in %s.\n' "$@" ;;
        image_differs) printf 'The image of %s was loaded, but the engine does not have %s with the expected digest %s.\n' "$@" ;;
        image_wrong_platform) printf 'The image of %s (%s) should be for %s, but the engine says %s.\n' "$@" ;;
        unknown_setting) printf 'There is no setting %s. There are: %s\n' "$@" ;;
        secret_kept) printf '%s has a value already, and the services use it: it cannot be changed with --set.\n' "$@" ;;
        bad_value) printf '%s must be a %s, and may not contain quotes, backslashes, $ or #; found: %s\n' "$@" ;;
        value_needed) printf '%s needs a value (%s). Give it with --set NAME=VALUE.\n' "$@" ;;
        value_not_made) printf 'No value could be made for %s.\n' "$@" ;;
        bad_env_line) printf 'Line %s of .env is not NAME=VALUE. Write it without spaces and without export, or remove it.\n' "$@" ;;
        data_without_settings) printf 'There is data of an earlier installation (%s), but its settings and passwords are not here. Copy the .env of that installation to %s, or choose another folder with --data-dir.\n' "$@" ;;
        data_folder) printf 'The data folder %s cannot be made. Run as root (sudo ./install.sh), or choose another one with --data-dir.\n' "$@" ;;
        settings_kept) printf 'Settings: %s (unchanged).\n' "$@" ;;
        settings_written) printf 'Settings: %s (written; it holds the passwords, keep a copy in a safe place).\n' "$@" ;;
        read_notes) printf 'Before the first start, read %s: it says what has to be prepared.\n' "$@" ;;
        settings_only) printf 'The settings are written; nothing was loaded or started (--settings-only). Run ./install.sh to go on.\n' ;;
        starting_services) printf 'Starting the services ...\n' ;;
        not_created) printf 'not created yet\n' ;;
        waiting) printf '  %s s: %s of %s ready; waiting for %s\n' "$@" ;;
        settling) printf '  %s s: all %s ready; making sure that they stay so\n' "$@" ;;
        service_not_ready) printf 'Not ready: %s, state: %s, restarts: %s. Its last lines, where there are any:\n' "$@" ;;
        health_check_said) printf '    health check: %s\n' "$@" ;;
        compose_failed) printf 'NOT INSTALLED: compose could not start the services. The log is %s. Mend what is named above, then run ./install.sh again.\n' "$@" ;;
        service_failed) printf 'NOT INSTALLED: a service ended. The log is %s. Mend what is named above, then run ./install.sh again.\n' "$@" ;;
        too_slow) printf 'NOT INSTALLED: not all services were ready after %s s. The log is %s. Mend what is named above, or give them longer with --timeout, then run ./install.sh again.\n' "$@" ;;
        address) printf '  %-20s %-24s %s\n' "$@" ;;
        settings_hint) printf 'Settings and passwords: %s\n' "$@" ;;
        data_hint) printf 'Data: %s\n' "$@" ;;
        status_hint) printf 'Status at any time: cd "%s" && %s ps\n' "$@" ;;
        success) printf 'INSTALLED: %s is running; all %s services are ready. Keep a copy of .env, then use the addresses above.\n' "$@" ;;
        *) printf '%s\n' "$key" "$@" ;;
    esac
}

message_zh() { # KEY ARG...
    key=$1
    shift
    case $key in
        help) cat <<'END'
在无法联网的主机上安装本安装包。

用法：./install.sh [选项]...

  --set NAME=VALUE        设置 README.zh-CN.md 中列出的某个设置项（可重复使用）
  --data-dir DIR          数据目录，等同于 --set DATA_DIR=DIR
  --host-address ADDRESS  其他机器访问本机所用的地址，等同于 --set HOST_ADDRESS=ADDRESS
  --timeout SECONDS       等待服务就绪的最长时间，单位为秒（默认 600）
  --engine docker|podman  使用的容器引擎（默认：已安装 docker 时使用 docker）
  --lang en|zh            提示信息的语言（默认：取自系统语言环境）
  --dry-run               只检查，不做任何改动
  --settings-only         检查并把设置和密码写入 .env，然后停止
  --allow-emulation       主机架构不符时仍然继续，仅供试用
  --help                  显示本帮助

可以随时重复运行：.env 中的设置和密码会保留，已有的镜像不会重复加载，正在运行的服务不受影响。

退出码：0 安装成功；1 意外错误；2 选项错误；3 安装包损坏；4 架构不符；5 缺少容器引擎或工具，或版本过低；
6 磁盘空间不足；7 镜像加载失败；8 设置有误；9 服务未能就绪；10 目录不可写或已有安装在进行；130 被中断。
END
            ;;
        option_without_value) printf '选项 %s 需要一个值，参见 ./install.sh --help。\n' "$@" ;;
        unknown_option) printf '未知选项：%s，参见 ./install.sh --help。\n' "$@" ;;
        unknown_engine) printf '未知的容器引擎：%s，请使用 docker 或 podman。\n' "$@" ;;
        unknown_language) printf '未知的语言：%s，请使用 en 或 zh。\n' "$@" ;;
        bad_timeout) printf '%s 不是有效的秒数。\n' "$@" ;;
        bad_set) printf '%s：--set 的格式为单行的 NAME=VALUE，例如 --set API_PORT=10002。\n' "$@" ;;
        checking_files) printf '正在按 SHA256SUMS 校验安装包……\n' ;;
        checking_file) printf '  [%s/%s] %s（%s）\n' "$@" ;;
        sums_missing) printf 'SHA256SUMS 不存在或为空，安装包不完整。未做任何改动。请重新解压安装包。\n' ;;
        sums_malformed) printf 'SHA256SUMS 第 %s 行无法识别。\n' "$@" ;;
        file_missing) printf '缺少文件：%s\n' "$@" ;;
        file_changed) printf '文件已损坏或被改动：%s\n  应为 sha256 %s\n  实为 sha256 %s\n' "$@" ;;
        unlisted_files) printf '以下文件不属于本安装包：\n%s\n' "$@" ;;
        bundle_damaged) printf '安装包与制作时不一致。未对本机做任何改动。请重新拷贝安装包，解压到空目录后再试。\n' ;;
        tool_missing) printf '本机缺少程序 %s。\n' "$@" ;;
        folder_not_writable) printf '无法写入 %s。请把安装包拷贝到本机磁盘，或以 root 身份运行（sudo ./install.sh）。\n' "$@" ;;
        already_running) printf '此目录中已有安装在进行（进程 %s）。如果确认没有，请删除目录 %s 后重试。\n' "$@" ;;
        interrupted) printf '已中断。再次运行 ./install.sh 会从中断处继续。\n' ;;
        unexpected) printf '意外终止，详情见 %s。\n' "$@" ;;
        installing) printf '开始安装 %s（%s）。\n' "$@" ;;
        host_fits) printf '主机架构：%s。\n' "$@" ;;
        host_emulates) printf '警告：安装包适用于 %s，而本机是 %s。因指定了 --allow-emulation 而继续：运行会很慢，部分服务可能无法运行。\n' "$@" ;;
        wrong_architecture) printf '本安装包适用于 %s，而本机是 %s（uname -m：%s）。未做任何改动。请使用适用于本机架构的安装包。\n' "$@" ;;
        wrong_engine_architecture) printf '本安装包适用于 %s，而本机的 %s 是 %s 架构的程序。未做任何改动。请安装架构正确的容器引擎，或换用其他安装包。\n' "$@" ;;
        engine_missing) printf '未安装 Docker 或 Podman。请从 Linux 发行版的安装介质安装 Docker 18.09 或更高版本，然后重新运行 ./install.sh。\n' ;;
        engine_silent) printf '%s 已安装但没有响应。若未启动，请执行 sudo systemctl start docker；若提示权限不足，请执行 sudo ./install.sh。其输出为：\n%s\n' "$@" ;;
        engine_old) printf '%s %s 版本过低，需要 %s 或更高版本。\n' "$@" ;;
        engine_found) printf '容器引擎：%s %s（%s）。\n' "$@" ;;
        compose_missing) printf '缺少 Docker Compose。请安装 Linux 发行版的软件包 docker-compose-plugin 或 docker-compose（1.28 或更高版本），然后重新运行 ./install.sh。\n' ;;
        podman_compose_missing) printf '缺少 podman-compose。请安装 Linux 发行版的软件包 podman-compose，然后重新运行 ./install.sh。\n' ;;
        compose_old) printf '%s %s 版本过低，需要 1.28 或更高版本。\n' "$@" ;;
        compose_found) printf 'Compose：%s（%s）。\n' "$@" ;;
        space_unknown) printf '无法获知磁盘剩余空间；镜像大约占用 %s 的四倍。\n' "$@" ;;
        space_short) printf '%s 所在磁盘空间不足：剩余 %s，至少需要 %s，建议 %s。请清理空间，或把容器引擎的数据目录移到更大的磁盘。\n' "$@" ;;
        space_tight) printf '警告：%s 所在磁盘空间可能不足：剩余 %s，建议 %s。\n' "$@" ;;
        space_enough) printf '%s 所在磁盘剩余空间：%s。\n' "$@" ;;
        nothing_changed) printf '检查全部通过。未做任何改动（--dry-run）。\n' ;;
        image_there) printf '[%s/%s] %s：镜像已存在。\n' "$@" ;;
        loading_image) printf '[%s/%s] %s：正在加载镜像（%s）……\n' "$@" ;;
        load_failed) printf '%s 的镜像无法从 %s 加载，容器引擎的输出见 %s。\n' "$@" ;;
        image_differs) printf '%s 的镜像已加载，但容器引擎中的 %s 与预期摘要 %s 不一致。\n' "$@" ;;
        image_wrong_platform) printf '%s 的镜像（%s）应适用于 %s，而容器引擎显示为 %s。\n' "$@" ;;
        unknown_setting) printf '没有名为 %s 的设置项。可用的设置项：%s\n' "$@" ;;
        secret_kept) printf '%s 已有值且服务正在使用，不能用 --set 更改。\n' "$@" ;;
        bad_value) printf '%s 的类型须为 %s，且不能包含引号、反斜杠、$ 或 #；实为：%s\n' "$@" ;;
        value_needed) printf '必须指定 %s（%s）。请使用 --set NAME=VALUE。\n' "$@" ;;
        value_not_made) printf '无法生成 %s 的值。\n' "$@" ;;
        bad_env_line) printf '.env 第 %s 行不是 NAME=VALUE 格式。请去掉空格和 export，或删除该行。\n' "$@" ;;
        data_without_settings) printf '存在先前安装的数据（%s），但此处没有其设置和密码。请把先前安装的 .env 拷贝到 %s，或用 --data-dir 指定其他目录。\n' "$@" ;;
        data_folder) printf '无法创建数据目录 %s。请以 root 身份运行（sudo ./install.sh），或用 --data-dir 指定其他目录。\n' "$@" ;;
        settings_kept) printf '设置文件：%s（未改动）。\n' "$@" ;;
        settings_written) printf '设置文件：%s（已写入；其中含有密码，请妥善保存一份副本）。\n' "$@" ;;
        read_notes) printf '首次启动之前，请阅读 %s，其中说明需要事先准备的内容。\n' "$@" ;;
        settings_only) printf '设置已写入；未加载镜像，也未启动服务（--settings-only）。运行 ./install.sh 以继续安装。\n' ;;
        starting_services) printf '正在启动服务……\n' ;;
        not_created) printf '尚未创建\n' ;;
        waiting) printf '  %s 秒：%s/%s 已就绪，正在等待 %s\n' "$@" ;;
        settling) printf '  %s 秒：%s 个服务均已就绪，正在确认是否稳定\n' "$@" ;;
        service_not_ready) printf '未就绪：%s，状态：%s，重启次数：%s。最后的日志（如有）：\n' "$@" ;;
        health_check_said) printf '    健康检查：%s\n' "$@" ;;
        compose_failed) printf '安装未完成：compose 无法启动服务。日志见 %s。请处理上述问题后重新运行 ./install.sh。\n' "$@" ;;
        service_failed) printf '安装未完成：有服务已退出。日志见 %s。请处理上述问题后重新运行 ./install.sh。\n' "$@" ;;
        too_slow) printf '安装未完成：%s 秒后仍有服务未就绪。日志见 %s。请处理上述问题，或用 --timeout 延长等待时间，然后重新运行 ./install.sh。\n' "$@" ;;
        address) printf '  %-20s %-24s %s\n' "$@" ;;
        settings_hint) printf '设置和密码：%s\n' "$@" ;;
        data_hint) printf '数据目录：%s\n' "$@" ;;
        status_hint) printf '随时查看状态：cd "%s" && %s ps\n' "$@" ;;
        success) printf '安装成功：%s 正在运行，%s 个服务全部就绪。请备份 .env，然后使用上面列出的地址。\n' "$@" ;;
        *) printf '%s\n' "$key" "$@" ;;
    esac
}
