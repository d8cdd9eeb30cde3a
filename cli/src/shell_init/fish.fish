# InfraFabric for fish: makes `if vmix cut myvmix --input 1` work at the prompt.
# In ~/.config/fish/config.fish:  ifctl shell-init fish | source
#
# Enter runs __ifctl_enter, which may change the line, and then executes it. A line is changed only when it is the whole
# command line and is no shell `if`.

if status is-interactive
    set -g __ifctl_words '@WORDS@'

    # Prints what the line should be; fails where that is the line itself.
    function __ifctl_rewrite --argument-names line
        string match -q -- "*\n*" $line; and return 1
        set -l command '^([[:blank:]]*)if([[:blank:]]+(?:(?:'$__ifctl_words')(?:[[:blank:];|&<>].*)?|-.*))$'
        # What is quoted says nothing about syntax.
        set -l bare (string replace -ra -- '\\\\.|"(?:[^"\\\\]|\\\\.)*"|\'(?:[^\'\\\\]|\\\\.)*\'' '' $line)
        string match -qr -- '[;&|][[:blank:]]*(?:then|end|else)(?:[[:blank:];]|$)|[;|\\\\][[:blank:]]*$|&&[[:blank:]]*$' "$bare"
        and return 1
        string replace -fr -- $command '$1ifctl$2' $line
    end

    function __ifctl_enter
        if not commandline --paging-mode
            set -l typed (commandline | string collect)
            if set -l line (__ifctl_rewrite $typed)
                # A line that begins with a blank is not kept in the history.
                set -g __ifctl_typed $typed
                commandline --replace -- " $line"
            end
        end
        commandline -f execute
    end

    bind \r __ifctl_enter
    bind \n __ifctl_enter
    bind -M insert \r __ifctl_enter
    bind -M insert \n __ifctl_enter
end
