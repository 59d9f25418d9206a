# shellcheck shell=sh
# Texts of upgrade and rollback.

words_upgrade_en() { # KEY ARG...
    key=$1
    shift
    case $key in
        nothing_installed) printf 'Nothing is installed in %s that could be upgraded. Run ./install.sh.\n' "$@" ;;
        nothing_before) printf 'There is no release before this one in %s to go back to.\n' "$@" ;;
        same_release) printf 'UPGRADED: %s is what is installed, and runs; there is nothing to do.\n' "$@" ;;
        changes_head) printf 'From %s to %s:\n' "$@" ;;
        no_changes) printf '  the same images and settings\n' ;;
        image_changes) printf '  %s: %s -> %s\n' "$@" ;;
        image_rebuilt) printf '  %s: %s, with other content\n' "$@" ;;
        component_new) printf '  %s: new (%s)\n' "$@" ;;
        component_gone) printf '  %s: no longer there (%s)\n' "$@" ;;
        setting_new) printf '  new setting: %s\n' "$@" ;;
        setting_gone) printf '  setting no longer used: %s\n' "$@" ;;
        setting_default) printf '  setting %s: the default changes from "%s" to "%s"; the value here stays\n' "$@" ;;
        jump_refused) printf '%s: %s -> %s is not possible with the data that is there. %s\n' "$@" ;;
        refused) printf 'NOT UPGRADED: see above. Nothing was changed. Go through the releases in between, or move the data by hand.\n' ;;
        confirm) printf 'The services of %s are replaced by those of %s. Data and passwords are kept.\n' "$@" ;;
        confirm_rollback) printf 'The services of %s are replaced by those of %s. Data stays as it is now.\n' "$@" ;;
        upgraded) printf 'UPGRADED: %s is running; %s can be had back with `rollback`, until `prune`.\n' "$@" ;;
        failed) printf '%s does not run as it should: going back to %s ...\n' "$@" ;;
        rolled_back) printf 'ROLLED BACK: %s did not come up; %s is running again, with its data. The log is %s.\n' "$@" ;;
        rollback_failed) printf 'NEITHER FORWARD NOR BACK: %s did not come up, and %s not either. The data is untouched. The log is %s. Mend what is named above, then run `rollback` again.\n' "$@" ;;
        rolled_back_by_hand) printf 'ROLLED BACK: %s is running.\n' "$@" ;;
        dropped) printf 'ROLLED BACK: the upgrade had not changed any service; %s is as it was.\n' "$@" ;;
        going_on) printf 'An upgrade to %s did not come to its end: going on with it.\n' "$@" ;;
        going_back) printf 'A rollback to %s did not come to its end: going on with it.\n' "$@" ;;
        unfinished) printf 'An upgrade to %s has not come to its end. Finish it first with `%s up`, or go back with `rollback`.\n' "$@" ;;
        target_gone) printf 'The files of release %s are gone. Run `rollback`.\n' "$@" ;;
        status_unfinished) printf 'A change to %s has not come to its end: `up` goes on, `rollback` goes back.\n' "$@" ;;
        *) printf '%s\n' "$key" "$@" ;;
    esac
}

words_upgrade_zh() { # KEY ARG...
    key=$1
    shift
    case $key in
        nothing_installed) printf '%s 中没有可升级的版本。请运行 ./install.sh。\n' "$@" ;;
        nothing_before) printf '%s 中没有更早的版本可以回退。\n' "$@" ;;
        same_release) printf '升级完成：已安装的就是 %s，且正在运行，无需操作。\n' "$@" ;;
        changes_head) printf '从 %s 到 %s：\n' "$@" ;;
        no_changes) printf '  镜像和设置均相同\n' ;;
        image_changes) printf '  %s：%s -> %s\n' "$@" ;;
        image_rebuilt) printf '  %s：%s，内容不同\n' "$@" ;;
        component_new) printf '  %s：新增（%s）\n' "$@" ;;
        component_gone) printf '  %s：不再包含（%s）\n' "$@" ;;
        setting_new) printf '  新增设置项：%s\n' "$@" ;;
        setting_gone) printf '  不再使用的设置项：%s\n' "$@" ;;
        setting_default) printf '  设置项 %s：默认值由“%s”改为“%s”，本机的值不变\n' "$@" ;;
        jump_refused) printf '%s：现有数据不支持 %s -> %s。%s\n' "$@" ;;
        refused) printf '未升级，原因见上。未做任何改动。请逐个经过中间版本，或手工迁移数据。\n' ;;
        confirm) printf '%s 的服务将由 %s 的服务取代。数据和密码保留。\n' "$@" ;;
        confirm_rollback) printf '%s 的服务将由 %s 的服务取代。数据保持现状。\n' "$@" ;;
        upgraded) printf '升级成功：%s 正在运行；在 `prune` 之前可用 `rollback` 恢复 %s。\n' "$@" ;;
        failed) printf '%s 未能正常运行，正在回退到 %s……\n' "$@" ;;
        rolled_back) printf '已回退：%s 未能启动；%s 已连同其数据恢复运行。日志见 %s。\n' "$@" ;;
        rollback_failed) printf '升级和回退均失败：%s 未能启动，%s 也未能启动。数据未受影响。日志见 %s。请处理上述问题后再次运行 `rollback`。\n' "$@" ;;
        rolled_back_by_hand) printf '已回退：%s 正在运行。\n' "$@" ;;
        dropped) printf '已回退：升级尚未改动任何服务，%s 保持原样。\n' "$@" ;;
        going_on) printf '到 %s 的升级尚未完成，现在继续。\n' "$@" ;;
        going_back) printf '到 %s 的回退尚未完成，现在继续。\n' "$@" ;;
        unfinished) printf '到 %s 的升级尚未完成。请先用 `%s up` 完成，或用 `rollback` 回退。\n' "$@" ;;
        target_gone) printf '版本 %s 的文件已不存在。请运行 `rollback`。\n' "$@" ;;
        status_unfinished) printf '到 %s 的切换尚未完成：`up` 继续，`rollback` 回退。\n' "$@" ;;
        *) printf '%s\n' "$key" "$@" ;;
    esac
}
