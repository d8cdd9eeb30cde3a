# InfraFabric for fish: makes `if vmix cut myvmix --input 1` work at the prompt.
# In ~/.config/fish/config.fish:  ifctl shell-init fish | source
#
# Enter runs __ifctl_enter, which may change the line, and then executes it. A line is changed only when it is the whole
# command line and is no shell `if`.

if status is-interactive
    set -g __ifctl_words '@WORDS@'

    # Prints what the line should be; fails where that is the line itself.
    function __ifctl_rewrite --argument-names line
        string match -q -- '*'\n'*' "$line"; and return 1
        set -l command '^([[:blank:]]*)if([[:blank:]]+(?:(?:'$__ifctl_words')(?:[[:blank:];|&<>].*)?|-.*))$'
        # What is quoted says nothing about syntax.
        set -l bare (string replace -ra -- '\\\\.|"(?:[^"\\\\]|\\\\.)*"|\'(?:[^\'\\\\]|\\\\.)*\'' '' "$line")
        string match -qr -- '[;&|][[:blank:]]*(?:then|end|else)(?:[[:blank:];]|$)|[;|\\\\][[:blank:]]*$|&&[[:blank:]]*$' "$bare"
        and return 1
        string replace -fr -- $command '$1ifctl$2' "$line"
    end

    function __ifctl_enter
        if not commandline --paging-mode
            set -g __ifctl_line
            if set -l line (__ifctl_rewrite (commandline | string collect))
                # A line that begins with a blank is not kept in the history.
                set __ifctl_line " $line"
                commandline --replace -- $__ifctl_line
            end
        end
        commandline -f execute
    end

    # Puts what was typed in the history, in place of the changed line.
    function __ifctl_preexec --on-event fish_preexec
        set -l changed $__ifctl_line
        set -g __ifctl_line
        test -n "$changed"; or return
        set -l begin (string sub --length (string length -- $changed) -- $argv[1] | string collect)
        test "$begin" = "$changed"; or return
        # Without the blank that was put before it.
        set -l typed (string sub --start 2 -- $argv[1] | string replace -- ifctl if | string collect)
        if string match -q -- ' *' $typed
            return
        else if test (string split . -- $version)[1] -ge 4
            builtin history delete --exact --case-sensitive -- $argv[1]
            builtin history append -- $typed
        else
            __ifctl_append $typed
        end
    end

    # fish 3 has no way to add a line to its history, but takes in lines that others add to the file, once per second.
    # Doing so also drops the changed line.
    function __ifctl_append --argument-names typed
        set -q fish_private_mode; and return
        set -l session fish
        set -q fish_history; and set session $fish_history
        test -n "$session"; or return
        test $session = default; and set session fish
        set -l data $XDG_DATA_HOME
        test -n "$data"; or set data ~/.local/share
        set -l escaped (string replace -a -- \\ \\\\ $typed | string replace -a -- \n '\n' | string collect)
        set -g __ifctl_unmerged (date +%s)
        builtin history save
        printf '%s\n' "- cmd: $escaped" "  when: $__ifctl_unmerged" >>$data/fish/"$session"_history
        builtin history merge
    end

    function __ifctl_prompt --on-event fish_prompt
        set -q __ifctl_unmerged; or return
        builtin history merge
        test (date +%s) -gt $__ifctl_unmerged; and set -e __ifctl_unmerged
    end

    bind \r __ifctl_enter
    bind \n __ifctl_enter
    bind -M insert \r __ifctl_enter
    bind -M insert \n __ifctl_enter
end
