/**
 * The shells' sides of completion. Each script hands the words on the line to `relaybp __complete`, as words, so that
 * nothing in them is evaluated. The answer's first line says which files fit as well, the others are words, each with
 * a tab and what it means.
 */

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export const shellScript = (shell: Shell): string => SCRIPTS[shell];

const BASH = `# relaybp for bash. In ~/.bashrc: source <(relaybp completion bash)
_relaybp() {
  local current=\${COMP_WORDS[COMP_CWORD]} files='' value about answer
  [[ $current == '=' ]] && current=''
  COMPREPLY=()
  answer=$(relaybp __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null) || return
  {
    IFS= read -r files
    while IFS=$'\\t' read -r value about; do
      # bash takes the part after "=" for a word of its own
      [[ $COMP_WORDBREAKS == *=* && $value == *=?* ]] && value=\${value#*=}
      [[ $value == *= ]] && compopt -o nospace 2>/dev/null
      COMPREPLY+=("$value")
    done
  } <<< "$answer"
  case $files in
    any) compopt -o filenames 2>/dev/null; mapfile -O "\${#COMPREPLY[@]}" -t COMPREPLY < <(compgen -f -- "$current") ;;
    folders) compopt -o filenames 2>/dev/null; mapfile -O "\${#COMPREPLY[@]}" -t COMPREPLY < <(compgen -d -- "$current") ;;
    yaml)
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -d -- "$current"; compgen -f -X '!*.y?(a)ml' -- "$current")
      ;;
  esac
}
shopt -s extglob
complete -F _relaybp relaybp
`;

const ZSH = `#compdef relaybp
# relaybp for zsh. In ~/.zshrc, after compinit: source <(relaybp completion zsh)
_relaybp() {
  local -a answer plain open
  local files line value about
  answer=("\${(@f)$(relaybp __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  files=\${answer[1]}
  for line in "\${(@)answer[2,-1]}"; do
    [[ -z $line ]] && continue
    value=\${line%%$'\\t'*}
    about=\${line#*$'\\t'}
    if [[ $value == *= ]]; then open+=("\${value//:/\\\\:}:$about"); else plain+=("\${value//:/\\\\:}:$about"); fi
  done
  (( \${#plain} )) && _describe -V relaybp plain
  (( \${#open} )) && _describe -V relaybp open -S ''
  case $files in
    any) _files ;;
    folders) _files -/ ;;
    yaml) _files -g '*.(yaml|yml)(-.)' ;;
  esac
}
if [[ \${funcstack[1]} == _relaybp ]]; then _relaybp "$@"; else compdef _relaybp relaybp; fi
`;

const FISH = `# relaybp for fish. In ~/.config/fish/config.fish: relaybp completion fish | source
function __relaybp_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l answer (relaybp __complete -- $words[2..] "$current" 2>/dev/null)
    or return
    printf '%s\\n' $answer[2..]
    switch "$answer[1]"
        case any
            __fish_complete_path "$current"
        case folders
            __fish_complete_directories "$current"
        case yaml
            __fish_complete_path "$current" | string match -er '(/|\\.ya?ml)(\\t|$)'
    end
end
complete -c relaybp -f -a '(__relaybp_complete)'
`;

const SCRIPTS: Readonly<Record<Shell, string>> = { bash: BASH, zsh: ZSH, fish: FISH };
