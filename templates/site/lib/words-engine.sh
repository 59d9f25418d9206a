# shellcheck shell=sh
# What `install.sh engine` says.

words_engine_en() { # KEY ARG...
    key=$1
    shift
    case $key in
        ask) printf 'Install %s on this host, into %s, and start it now and with the host?\n' "$@" ;;
        ask_remove) printf 'Stop and remove the engine that this installer brought? Containers running now: %s; they stop.\n' "$@" ;;
        need_root) printf 'Only root may install or remove an engine. Run: sudo ./install.sh engine\n' ;;
        there_silent) printf 'NOT INSTALLED: Docker is here already (%s), but it does not answer. If it runs, try with sudo; else start it (sudo systemctl start docker), or remove it and run this again.\n' "$@" ;;
        there) printf 'An engine is here already (%s). Nothing was changed. Go on with: ./install.sh\n' "$@" ;;
        compose_lacks) printf 'An engine is here already (%s), but no Docker Compose; the bundle has it.\n' "$@" ;;
        no_compose) printf 'WARNING: this bundle carries no Docker Compose. Install the package docker-compose-plugin of your Linux distribution.\n' ;;
        none_carried) printf 'This bundle carries no engine. Nothing was changed. Install Docker 18.09 or later from the medium of your Linux distribution, or ask for a bundle made with --with-engine.\n' ;;
        bad_data) printf '%s cannot be the folder of --engine-data: it has to begin with / and have letters, digits and . _ @ + - / only.\n' "$@" ;;
        data_of_other) printf '%s: --engine-data is for an engine that this installer brings; the one here has its folder already. Nothing was changed.\n' "$@" ;;
        daemon_json) printf '/etc/docker/daemon.json is there already and decides. Nothing was changed. Write "data-root": "%s" into it and leave --engine-data out.\n' "$@" ;;
        daemon_json_kept) printf 'Kept as it is: /etc/docker/daemon.json\n' ;;
        extra_missing) printf '%s is not here. Nothing was changed. Run install.sh in the folder that the archive was extracted to.\n' "$@" ;;
        extra_damaged) printf '%s is damaged or not what the bundle says. Copy the archive here again and extract it into an empty folder.\n' "$@" ;;
        cannot_unpack) printf '%s cannot be unpacked: the programs tar and gzip are needed on this host. Nothing was changed.\n' "$@" ;;
        program_missing) printf 'The engine in this bundle lacks the program %s. Nothing was changed. Ask the makers of the bundle for another one.\n' "$@" ;;
        wrong_machine) printf 'The engine in this bundle (%s) is made for other machines than this one (%s). Nothing was changed. Use the bundle made for this host.\n' "$@" ;;
        old_kernel) printf 'WARNING: kernel %s is older than 3.10; Docker may not run. Update the kernel from the medium of your Linux distribution.\n' "$@" ;;
        no_overlay) printf 'WARNING: this kernel does not seem to know overlay file systems; images would take much more room. Try: modprobe overlay\n' ;;
        no_cgroups) printf 'WARNING: no control groups are mounted; containers cannot start. Try: mount -t cgroup2 none /sys/fs/cgroup\n' ;;
        only_nft) printf 'WARNING: the program iptables is missing (nft is there). Most versions of Docker need it: install the package iptables of your Linux distribution.\n' ;;
        no_iptables) printf 'WARNING: the program iptables is missing, and Docker needs it. Install the package iptables of your Linux distribution.\n' ;;
        space_short) printf 'Not enough disk space at %s: %s free, %s needed. Nothing was changed. Free some space and try again.\n' "$@" ;;
        foreign) printf 'These files are here already and not from this installer, so nothing was changed. Move them away, or use the engine that they belong to:\n%s\n' "$@" ;;
        would_write) printf '  would write %s\n' "$@" ;;
        would_remove) printf '  would remove %s\n' "$@" ;;
        nothing_changed) printf 'Nothing was changed (--dry-run).\n' ;;
        installing) printf 'Installing %s ...\n' "$@" ;;
        waiting) printf 'Waiting until Docker answers ...\n' ;;
        cannot_write) printf '%s cannot be written: the disk may be full. What was said is in /var/lib/openim-bundler/engine/install.log.\n' "$@" ;;
        no_group) printf 'The group docker could not be made: only root can use Docker.\n' ;;
        no_boot) printf 'WARNING: nothing here starts services with the host. To start Docker with it, call "%s start" in /etc/rc.local or its like.\n' "$@" ;;
        does_not_answer) printf 'NOT INSTALLED: Docker does not answer (waited up to %s s). What it said is above. Mend that, then run ./install.sh engine again.\n' "$@" ;;
        taking_back) printf 'Taking back what this run installed ...\n' ;;
        not_stopped) printf 'Docker could not be stopped, so its files stay. Stop its containers and the service docker, then run the same command again.\n' ;;
        ours_stopped) printf 'The engine that this installer brought is here, but does not run.\n' ;;
        ours_runs) printf 'Docker %s runs; it was installed by this installer (%s). Go on with: ./install.sh\n' "$@" ;;
        changed_stays) printf 'Changed since it was installed, so it stays: %s\n' "$@" ;;
        group_stays) printf 'The group docker stays, for its members: %s\n' "$@" ;;
        data_left) printf 'Left as it is, with images, containers and volumes: %s\n' "$@" ;;
        not_ours) printf 'This installer has brought no engine to this host. Nothing was changed.\n' ;;
        removed) printf 'REMOVED: the engine that this installer brought is gone. To have it again: ./install.sh engine\n' ;;
        installed) printf 'INSTALLED: Docker %s answers (%s). Next: ./install.sh\n' "$@" ;;
        compose_installed) printf 'INSTALLED: %s. Next: ./install.sh\n' "$@" ;;
        *) printf '%s\n' "$key" "$@" ;;
    esac
}

words_engine_zh() { # KEY ARG...
    key=$1
    shift
    case $key in
        ask) printf '是否在本机安装 %s（安装到 %s），立即启动并设为开机自启？\n' "$@" ;;
        ask_remove) printf '是否停止并移除由本安装程序安装的容器引擎？当前运行的容器：%s 个，均会停止。\n' "$@" ;;
        need_root) printf '只有 root 可以安装或移除容器引擎，请执行：sudo ./install.sh engine\n' ;;
        there_silent) printf '未安装：本机已有 Docker（%s），但没有响应。若已在运行，请使用 sudo 重试；否则请启动它（sudo systemctl start docker），或将其卸载后重试。\n' "$@" ;;
        there) printf '本机已有容器引擎（%s）。未做任何改动。请继续执行：./install.sh\n' "$@" ;;
        compose_lacks) printf '本机已有容器引擎（%s），但没有 Docker Compose；安装包中带有。\n' "$@" ;;
        no_compose) printf '警告：本安装包未附带 Docker Compose。请安装 Linux 发行版的软件包 docker-compose-plugin。\n' ;;
        none_carried) printf '本安装包未附带容器引擎。未做任何改动。请从 Linux 发行版的安装介质安装 Docker 18.09 或更高版本，或索取用 --with-engine 制作的安装包。\n' ;;
        bad_data) printf '%s 不能作为 --engine-data 的目录：须以 / 开头，只能包含字母、数字和 . _ @ + - /。\n' "$@" ;;
        data_of_other) printf '%s：--engine-data 只用于由本安装程序安装的容器引擎；本机的容器引擎已有数据目录。未做任何改动。\n' "$@" ;;
        daemon_json) printf '/etc/docker/daemon.json 已存在，以它为准。未做任何改动。请在其中写入 "data-root": "%s"，并去掉 --engine-data。\n' "$@" ;;
        daemon_json_kept) printf '保持原样：/etc/docker/daemon.json\n' ;;
        extra_missing) printf '%s 不在此处。未做任何改动。请在解压安装包的目录中运行 install.sh。\n' "$@" ;;
        extra_damaged) printf '%s 已损坏或与安装包所述不符。请重新拷贝安装包，解压到空目录。\n' "$@" ;;
        cannot_unpack) printf '%s 无法解压：本机需要有程序 tar 和 gzip。未做任何改动。\n' "$@" ;;
        program_missing) printf '安装包附带的容器引擎缺少程序 %s。未做任何改动。请向安装包的制作者索取新的安装包。\n' "$@" ;;
        wrong_machine) printf '安装包附带的容器引擎（%s）不适用于本机（%s）。未做任何改动。请使用适用于本机架构的安装包。\n' "$@" ;;
        old_kernel) printf '警告：内核 %s 低于 3.10，Docker 可能无法运行。请从 Linux 发行版的安装介质升级内核。\n' "$@" ;;
        no_overlay) printf '警告：本机内核似乎不支持 overlay 文件系统，镜像会占用更多空间。可尝试：modprobe overlay\n' ;;
        no_cgroups) printf '警告：未挂载控制组（cgroup），容器无法启动。可尝试：mount -t cgroup2 none /sys/fs/cgroup\n' ;;
        only_nft) printf '警告：缺少程序 iptables（有 nft）。多数版本的 Docker 需要它：请安装 Linux 发行版的软件包 iptables。\n' ;;
        no_iptables) printf '警告：缺少 Docker 所需的程序 iptables。请安装 Linux 发行版的软件包 iptables。\n' ;;
        space_short) printf '%s 所在磁盘空间不足：剩余 %s，需要 %s。未做任何改动。请清理空间后重试。\n' "$@" ;;
        foreign) printf '以下文件已存在且不是由本安装程序写入，因此未做任何改动。请将其移走，或使用它们所属的容器引擎：\n%s\n' "$@" ;;
        would_write) printf '  将写入 %s\n' "$@" ;;
        would_remove) printf '  将移除 %s\n' "$@" ;;
        nothing_changed) printf '未做任何改动（--dry-run）。\n' ;;
        installing) printf '正在安装 %s……\n' "$@" ;;
        waiting) printf '正在等待 Docker 响应……\n' ;;
        cannot_write) printf '无法写入 %s，磁盘可能已满。详细输出见 /var/lib/openim-bundler/engine/install.log。\n' "$@" ;;
        no_group) printf '无法创建用户组 docker：只有 root 可以使用 Docker。\n' ;;
        no_boot) printf '警告：本机没有开机启动服务的机制。如需开机启动 Docker，请在 /etc/rc.local 之类的脚本中调用“%s start”。\n' "$@" ;;
        does_not_answer) printf '安装未完成：Docker 没有响应（最多等待 %s 秒）。其输出见上。请处理后重新运行 ./install.sh engine。\n' "$@" ;;
        taking_back) printf '正在撤回本次安装的内容……\n' ;;
        not_stopped) printf '无法停止 Docker，其文件予以保留。请停止其容器和 docker 服务，然后重新运行同一命令。\n' ;;
        ours_stopped) printf '由本安装程序安装的容器引擎存在，但未运行。\n' ;;
        ours_runs) printf 'Docker %s 正在运行，由本安装程序安装（%s）。请继续执行：./install.sh\n' "$@" ;;
        changed_stays) printf '安装后被改动过，因此保留：%s\n' "$@" ;;
        group_stays) printf '用户组 docker 仍有成员，予以保留：%s\n' "$@" ;;
        data_left) printf '保留原样（含镜像、容器和数据卷）：%s\n' "$@" ;;
        not_ours) printf '本安装程序未在本机安装过容器引擎。未做任何改动。\n' ;;
        removed) printf '已移除：由本安装程序安装的容器引擎已不在本机。如需重新安装：./install.sh engine\n' ;;
        installed) printf '安装成功：Docker %s 已有响应（%s）。下一步：./install.sh\n' "$@" ;;
        compose_installed) printf '安装成功：%s。下一步：./install.sh\n' "$@" ;;
        *) printf '%s\n' "$key" "$@" ;;
    esac
}
