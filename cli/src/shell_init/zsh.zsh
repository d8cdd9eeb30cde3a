# InfraFabric for zsh: makes `if vmix cut myvmix --input 1` work at the prompt.
# In ~/.zshrc, near its end:  eval "$(ifctl shell-init zsh)"
#
# A widget around accept-line may change the line before it is accepted. A line is changed only at the primary prompt
# (continuation lines and here-documents are the shell's), and when it is no shell `if`.

if [[ -o interactive ]] && (( ! ${+widgets[__ifctl_accept_line]} )); then
  typeset -g __ifctl_words='@WORDS@'
  typeset -g __ifctl_pending='' __ifctl_typed=''

  # Sets __ifctl_line to what the line $1 should be; fails where that is the line itself.
  __ifctl_rewrite() {
    emulate -L zsh
    local MATCH bare=$1 command quoted condition
    local -i MBEGIN MEND
    local -a match mbegin mend
    [[ $1 == *$'\n'* ]] && return 1
    command="^([[:blank:]]*)if([[:blank:]]+((${__ifctl_words})([[:blank:];|&<>].*)?|-.*))\$"
    [[ $1 =~ $command ]] || return 1
    typeset -g __ifctl_line=${match[1]}ifctl${match[2]}
    # What is quoted says nothing about syntax.
    bare=${bare//\\?/}
    quoted="^([^\"']*)(\"[^\"]*\"|'[^']*')(.*)\$"
    while [[ $bare =~ $quoted ]]; do bare=${match[1]}${match[3]}; done
    condition='[;&|][[:blank:]]*then([[:blank:];]|$)|[;|\\][[:blank:]]*$|&&[[:blank:]]*$'
    ! [[ $bare =~ $condition ]]
  }

  __ifctl_accept_line() {
    if [[ $CONTEXT == start ]]; then
      # A line given up at a continuation prompt leaves these behind.
      __ifctl_pending='' __ifctl_typed=''
      if __ifctl_rewrite "$BUFFER"; then
        BUFFER=$__ifctl_line
        CURSOR=${#BUFFER}
        __ifctl_pending=$BUFFER
      fi
    fi
    zle __ifctl_accept_line_before
  }

  # Keeps the changed line ($1) out of the history. What was typed goes in just before the command runs: adding it then
  # also drops the changed line, which the shell would otherwise hold on to until the next one.
  __ifctl_zshaddhistory() {
    local line=${1%$'\n'}
    [[ -n $__ifctl_pending && $line == "$__ifctl_pending"* ]] || return 0
    __ifctl_pending=''
    [[ -o hist_ignore_space && $line == ' '* ]] || __ifctl_typed=${line/ifctl/if}
    return 1
  }

  __ifctl_preexec() {
    [[ -n $__ifctl_typed ]] || return 0
    [[ -o hist_ignore_dups && ${history[$((HISTCMD - 1))]-} == "$__ifctl_typed" ]] || print -sr -- "$__ifctl_typed"
    __ifctl_typed=''
  }

  autoload -Uz add-zsh-hook
  add-zsh-hook zshaddhistory __ifctl_zshaddhistory
  add-zsh-hook preexec __ifctl_preexec
  # Whatever accept-line is by now, perhaps another plug-in's, keeps its work.
  zle -A accept-line __ifctl_accept_line_before
  zle -N __ifctl_accept_line
  zle -A __ifctl_accept_line accept-line
fi
