"""Completion of words in bash and zsh, for `sepconv-nas COMMAND …` and for `python -m nas.COMMAND …`.

One script, made from the declarations, which starts no Python when Tab is pressed. Hydra's own is for scripts alone.
"""

from collections.abc import Iterator

from nas.commandline.declared.checking import options_of
from nas.commandline.declared.declarations import Sections, declared, read, settings_of
from nas.commandline.declared.kinds import values_of
from nas.commandline.table import COMMANDS
from nas.latency.profile import known_profiles
from nas.spaces.load import known_spaces

SHELLS = ("bash", "zsh")

_FLAGS = "--help --version --multirun --cfg"

_SCRIPT = """\
# Words of sepconv-nas for bash and zsh; made by `sepconv-nas completion`.
if [ -n "$ZSH_VERSION" ]; then autoload -U +X compinit bashcompinit && compinit && bashcompinit; fi

_sepconv_nas_words() {
  case "$1" in
%(words)s
    *) echo "%(commands)s completion --help --version" ;;
  esac
}

_sepconv_nas_values() {
  case "$1:$2" in
%(values)s
  esac
}

_sepconv_nas() {
  local line="${COMP_LINE:0:$COMP_POINT}" word command="" choices each
  local -a typed
  word="${line##* }"
  if [ -n "$ZSH_VERSION" ]; then
    emulate -L ksh
    set -f; typed=($line); set +f
  else
    read -r -a typed <<< "$line"
  fi
  if [[ "${typed[0]##*/}" == python* ]]; then
    [[ "${typed[1]}" == -m && "${typed[2]}" == nas.* ]] || return
    command="${typed[2]#nas.}"
    if [[ "$word" == nas.* ]]; then
      COMPREPLY=($(compgen -P nas. -W "%(commands)s" -- "$command"))
      return
    fi
  elif [[ ${#typed[@]} -gt 2 || ( ${#typed[@]} -eq 2 && -z "$word" ) ]]; then
    command="${typed[1]}"
  fi
  COMPREPLY=()
  if [[ "$word" == *=* ]]; then
    choices="$(_sepconv_nas_values "$command" "${word%%%%=*}")"
    while read -r each; do COMPREPLY+=("$each"); done < <(compgen -W "$choices" -- "${word#*=}")
    [[ ${#COMPREPLY[@]} -eq 0 || -z "$choices" ]] && COMPREPLY=($(compgen -f -- "${word#*=}"))
    if [[ ${#COMPREPLY[@]} -eq 0 ]]; then
      for each in "${word#*=}"*; do [ -e "$each" ] && COMPREPLY+=("$each"); done
    fi
    [[ "$COMP_WORDBREAKS" == *=* ]] || COMPREPLY=("${COMPREPLY[@]/#/${word%%%%=*}=}")
  else
    COMPREPLY=($(compgen -W "$(_sepconv_nas_words "$command")" -- "$word"))
    [[ "${COMPREPLY[0]}" == *= ]] && compopt -o nospace 2> /dev/null
  fi
}

complete -F _sepconv_nas sepconv-nas
complete -o default -F _sepconv_nas python python3
"""


def script() -> str:
    """What a shell evaluates."""
    known = {name: declared(name) or read(name, settings_of(name)) for name in COMMANDS if COMMANDS[name].settings}
    words = [f'    {name}) echo "{" ".join(_words(sections))} {_FLAGS}" ;;' for name, sections in known.items()]
    values = [
        f'    {name}:{key}) echo "{" ".join(values)}" ;;'
        for name, sections in known.items()
        for key, values in _values(sections)
    ]
    return _SCRIPT % {"words": "\n".join(words), "values": "\n".join(values), "commands": " ".join(COMMANDS)}


def _words(sections: Sections) -> list[str]:
    """Every word that sets something, up to its `=`."""
    keys = [*options_of(sections), *(each.key for section in sections for each in section.settings)]
    return [f"{key}=" for key in dict.fromkeys(keys)]


def _values(sections: Sections) -> Iterator[tuple[str, list[str]]]:
    """The settings of which there are few values, each with these."""
    yield from options_of(sections).items()
    shelves = {"hardware": known_profiles, "like": known_profiles, "search_space": known_spaces}
    for setting in {each.key: each for section in sections for each in section.settings}.values():
        values = sorted(shelves[setting.key]()) if setting.key in shelves else values_of(setting.kind)
        if values and values != ["null"]:
            yield setting.key, values
