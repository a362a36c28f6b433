/**
 * What a shell runs: it hands the words to `nmctl __complete` and gets a line with the kind of what fits (`words`,
 * `files`, `directories`), then what fits, a line each, with a tab before its description.
 */
export const COMPLETION_SCRIPTS: Readonly<Record<string, string>> = {
  bash: `# bash completion for nmctl
_nmctl() {
  local cur=\${COMP_WORDS[COMP_CWORD]} kind line
  local -a lines words=()
  # bash splits at = and :, nmctl does not.
  local typed=\${COMP_LINE:0:COMP_POINT}
  read -r -a words <<<"$typed"
  [[ $typed == *[[:space:]] ]] && words+=("")
  mapfile -t lines < <(nmctl __complete -- "\${words[@]:1}" 2>/dev/null)
  kind=\${lines[0]}
  COMPREPLY=()
  case $kind in
    files) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    directories) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
    *)
      local last=\${words[-1]} head
      head=\${last%"$cur"}
      for line in "\${lines[@]:1}"; do
        line=\${line%%$'\\t'*}
        [[ $line == "$last"* ]] && COMPREPLY+=("\${line#"$head"}")
      done
      ;;
  esac
}
complete -F _nmctl nmctl
`,
  zsh: `#compdef nmctl
_nmctl() {
  local -a lines described
  local kind line
  lines=("\${(@f)$(nmctl __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  kind=$lines[1]
  case $kind in
    files) _files ;;
    directories) _files -/ ;;
    *)
      for line in "\${(@)lines[2,-1]}"; do
        [[ -n $line ]] && described+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
      done
      _describe nmctl described
      ;;
  esac
}
# As a file of the function path it is the function that is being called for the first time.
if [[ $funcstack[1] == _nmctl ]]; then
  _nmctl "$@"
else
  compdef _nmctl nmctl
fi
`,
  fish: `# fish completion for nmctl
function __nmctl_complete
    set -l lines (nmctl __complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)
    switch "$lines[1]"
        case files
            __fish_complete_path (commandline -ct)
        case directories
            __fish_complete_directories (commandline -ct)
        case '*'
            printf '%s\\n' $lines[2..-1]
    end
end
complete -c nmctl -f -a '(__nmctl_complete)'
`,
};
