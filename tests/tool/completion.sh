#!/bin/bash
# completion.sh - what bash and zsh complete: commands, options, columns, formats, names of segments.
cd "$(dirname "$0")/../.." || exit 99
# shellcheck source=tests/tool/common.sh
. tests/tool/common.sh

new one
new two

# ---- bash --------------------------------------------------------------------------------------------------------------------------------

# completed WORD...: what bash makes of the last word, sorted, on one line
completed()
{
    PATH=$build:$PATH bash -c '
        . "$0" && shift 0
        COMP_WORDS=(lfvec-shmctl "$@") COMP_CWORD=$#
        previous=lfvec-shmctl
        [ $# -lt 2 ] || previous=${*: -2:1}
        compopt() { :; }
        _lfvec_shmctl lfvec-shmctl "${*: -1}" "$previous"
        printf "%s\n" "${COMPREPLY[@]}"' "$src/tools/completion/lfvec-shmctl" "$@" | sort | xargs
}

is 'bash: commands' "$(completed w)" 'wait watch'
is 'bash: all commands' "$(completed '' | tr ' ' '\n' | grep -vc -e help -e --version)" \
    "$("$tool" --help | grep -c '^  [a-z]')"
is 'bash: options' "$(completed dump --fo)" '--follow --format'
is 'bash: common options' "$(completed rm --)" '--bytes --dry-run --force --help --json --noheadings --output --raw --yes'
is 'bash: segments' "$(completed info /$me-)" "/$me-one /$me-two"
is 'bash: segments after an option' "$(completed dump --follow /$me-o)" "/$me-one"
is 'bash: columns' "$(completed list -o NAME,ST)" 'NAME,STATUS NAME,STOPPED'
is 'bash: columns to add' "$(completed list -o +ST)" '+STATUS +STOPPED'
is 'bash: columns of both tables' "$(completed check -o FAULT,OP)" 'FAULT,OPERATION FAULT,OP_VERSION'
is 'bash: formats' "$(completed dump --format s)" 'signed string'
is 'bash: formats behind =' "$(completed dump --format = s)" 'signed string'
is 'bash: all formats behind =' "$(completed load --format =)" 'bytes csv decimal hex jsonl raw signed string'
is 'bash: formats behind = in one word' "$(completed get --format=ra)" '--format=raw'
is 'bash: columns behind =' "$(completed list --output = NAME,ST)" 'NAME,STATUS NAME,STOPPED'
is 'bash: a file behind =' "$(cd "$scratch" && touch figures.prom && completed export --output = fig)" figures.prom
is 'bash: policies' "$(completed create --numa '')" 'bind interleave local'
is 'bash: a number is not completed' "$(completed create --slots '')" ''
is 'bash: help' "$(completed help re)" 'recover reserve reset'
touch "$scratch/input.csv"
is 'bash: a file for load' "$(completed load /$me-one "$scratch/in")" "$scratch/input.csv"
is 'bash: segments after an option that takes nothing' "$(completed load -i /$me-o)" "/$me-one"
is 'bash: a file for export -o' "$(completed export -o "$scratch/in")" "$scratch/input.csv"
if command -v shellcheck >/dev/null; then
    is 'shellcheck finds no fault' "$(shellcheck -s bash -S warning "$src/tools/completion/lfvec-shmctl" 2>&1)" ''
else
    skip 'shellcheck finds no fault' 'no shellcheck here'
fi

# ---- zsh ---------------------------------------------------------------------------------------------------------------------------------

if command -v zsh >/dev/null && command -v tmux >/dev/null; then
    terminal() { tmux -L "$me" -f /dev/null "$@" 2>/dev/null; }
    trap 'terminal kill-server; cleanup' EXIT
    shows() { terminal capture-pane -p | grep -Eq -- "$1"; }
    mkdir "$scratch/zsh"
    cat >"$scratch/zsh/.zshrc" <<END
fpath=($src/tools/completion \$fpath)
path=($build \$path)
autoload -Uz compinit
compinit -u -d $scratch/zsh/dump
PS1='ready> '
END
    terminal new-session -d -x 100 -y 40 "ZDOTDIR=$scratch/zsh exec zsh -i"
    until_ok shows '^ready>'

    # completes WHAT WORDS PATTERN: Tab behind the words brings the pattern to the screen
    completes()
    {
        terminal send-keys C-u C-l
        terminal send-keys -l "lfvec-shmctl $2"
        terminal send-keys Tab
        if until_ok shows "$3"; then ok "$1"; else not_ok "$1" "$(terminal capture-pane -p)"; fi
    }
    completes 'zsh: commands, and what they do' 'wa' 'watch +-- watch it live'
    completes 'zsh: options, and what they do' 'dump --fo' '^--follow +-- go on with'
    completes 'zsh: segments' "info /$me-o" "^ready> lfvec-shmctl info /$me-one"
    completes 'zsh: columns' 'list -o NAME,UU' '^ready> lfvec-shmctl list -o NAME,UUID'
    completes 'zsh: formats' 'dump -f d' '^ready> lfvec-shmctl dump -f decimal'
    completes 'zsh: formats behind =' 'dump --format=d' '^ready> lfvec-shmctl dump --format=decimal'
    completes 'zsh: columns behind =' 'list --output=UU' '^ready> lfvec-shmctl list --output=UUID'
    completes 'zsh: help' 'help tr' '^ready> lfvec-shmctl help trim'
else
    skip 'zsh' 'needs zsh and tmux'
fi

finish
