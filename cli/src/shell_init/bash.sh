# InfraFabric for bash: makes `if vmix cut myvmix --input 1` work at the prompt.
# In ~/.bashrc, near its end:  eval "$(ifctl shell-init bash)"
#
# Enter runs __ifctl_enter, which may change the line, and then accept-line. A line is changed only when it is the first
# after a prompt (continuation lines and here-documents are the shell's) and is no shell `if`.

if [[ $- != *i* ]]; then
  :
elif [[ ${BASH_VERSINFO[0]} -lt 4 || -n ${BLE_VERSION-} ]]; then
  echo 'ifctl: the form `if vmix …` needs bash 4 or later without ble.sh; use `ifctl vmix …`' >&2
else
  __ifctl_words='@WORDS@'
  __ifctl_primary=1
  __ifctl_pending=

  # Sets __ifctl_line to what the line $1 should be; fails where that is the line itself.
  __ifctl_rewrite() {
    local bare=$1 quoted condition command
    [[ $1 == *$'\n'* ]] && return 1
    command="^([[:blank:]]*)if([[:blank:]]+((${__ifctl_words})([[:blank:];|&<>].*)?|-.*))\$"
    [[ $1 =~ $command ]] || return 1
    __ifctl_line=${BASH_REMATCH[1]}ifctl${BASH_REMATCH[2]}
    # What is quoted says nothing about syntax.
    bare=${bare//\\?/}
    quoted="^([^\"']*)(\"[^\"]*\"|'[^']*')(.*)\$"
    while [[ $bare =~ $quoted ]]; do bare=${BASH_REMATCH[1]}${BASH_REMATCH[3]}; done
    condition='[;&|][[:blank:]]*then([[:blank:];]|$)|[;|\\][[:blank:]]*$|&&[[:blank:]]*$'
    ! [[ $bare =~ $condition ]]
  }

  # Called with $_, which the call thereby leaves as the last command set it.
  __ifctl_enter() {
    if [[ " ${PROMPT_COMMAND[*]-} " != *__ifctl_prompt* ]]; then
      # Something replaced it since; the first line after that counts as the first after a prompt.
      __ifctl_install
      __ifctl_primary=1
    fi
    if [[ -n $__ifctl_primary ]] && __ifctl_rewrite "$READLINE_LINE"; then
      READLINE_LINE=$__ifctl_line
      READLINE_POINT=${#READLINE_LINE}
      __ifctl_pending=$__ifctl_line
    fi
    __ifctl_primary=
  }

  # Before every prompt. First in PROMPT_COMMAND, so that others see the history as it was typed.
  __ifctl_prompt() {
    local status=$?
    __ifctl_primary=1
    if [[ -n $__ifctl_pending ]]; then
      __ifctl_history "$__ifctl_pending"
      __ifctl_pending=
    fi
    return "$status"
  }

  # Gives the last entry of the history, where it begins with the changed line $1, the form that was typed.
  __ifctl_history() {
    local entry='^ *([0-9]+)[* ] (.*)$' number line
    [[ $(HISTTIMEFORMAT='' builtin history 1) =~ $entry ]] || return 0
    number=${BASH_REMATCH[1]}
    line=${BASH_REMATCH[2]}
    [[ $line == "$1"* ]] || return 0
    builtin history -d "$number"
    builtin history -s -- "${line/ifctl/if}"
  }

  __ifctl_install() {
    if [[ $(declare -p PROMPT_COMMAND 2>/dev/null) == 'declare -a'* ]]; then
      PROMPT_COMMAND=(__ifctl_prompt "${PROMPT_COMMAND[@]}")
    else
      PROMPT_COMMAND="__ifctl_prompt${PROMPT_COMMAND:+; $PROMPT_COMMAND}"
    fi
  }

  [[ " ${PROMPT_COMMAND[*]-} " == *__ifctl_prompt* ]] || __ifctl_install
  for __ifctl_keymap in emacs-standard vi-insert vi-command; do
    bind -m "$__ifctl_keymap" -x '"\C-xI": __ifctl_enter "$_"'
    bind -m "$__ifctl_keymap" '"\C-xJ": accept-line'
    bind -m "$__ifctl_keymap" '"\C-m": "\C-xI\C-xJ"'
    bind -m "$__ifctl_keymap" '"\C-j": "\C-xI\C-xJ"'
  done
  unset __ifctl_keymap
fi
