"""Words that a shell completes: the words of the command, ids of workflows, and ids of runs.

The scripts ask the command itself for ids, so that what they offer is what there is.
"""

from __future__ import annotations

from typing import Final

from workflows_app import list_workflows
from workflows_app.models import Run

from .session import Session

SHELLS: Final = ("bash", "zsh", "fish")
#: Ids of runs that are offered: the newest.
MOST: Final = 50

_OF_WORKFLOW: Final = "graph start"
_OF_RUN: Final = (
    "show events resume cancel restart retry skip-wait give-up pause proceed rerun fork time-travel"
)

_BASH: Final = r"""# bash completion for `manage.py workflows`: source it.
_signalbox_workflows() {
  local current="${COMP_WORDS[COMP_CWORD]}" first=0 index
  COMPREPLY=()
  for index in "${!COMP_WORDS[@]}"; do
    if [[ "${COMP_WORDS[index]}" == *manage.py ]]; then first=$index; break; fi
  done
  [[ "${COMP_WORDS[first]}" == *manage.py ]] || return 0
  local program=("${COMP_WORDS[@]:0:first+1}")
  if (( COMP_CWORD == first + 1 )); then
    COMPREPLY=($(compgen -W "workflows" -- "$current")); return 0
  fi
  [[ "${COMP_WORDS[first+1]}" == workflows ]] || return 0
  if (( COMP_CWORD == first + 2 )); then
    COMPREPLY=($(compgen -W "@WORDS@" -- "$current")); return 0
  fi
  (( COMP_CWORD == first + 3 )) || return 0
  local kind=""
  case " @OF_WORKFLOW@ " in *" ${COMP_WORDS[first+2]} "*) kind=workflows ;; esac
  case " @OF_RUN@ " in *" ${COMP_WORDS[first+2]} "*) kind=runs ;; esac
  [[ -n $kind ]] || return 0
  COMPREPLY=($("${program[@]}" workflows known-ids "$kind" "$current" 2>/dev/null))
}
complete -o default -F _signalbox_workflows manage.py ./manage.py
complete -o default -F _signalbox_workflows python python3
"""

_ZSH: Final = r"""#compdef manage.py
# zsh completion for `manage.py workflows`: source it after `compinit`.
_signalbox_workflows() {
  local first=${words[(I)*manage.py]}
  (( first )) || { _default; return }
  local -a program=("${words[@]:0:$first}")
  if (( CURRENT == first + 1 )); then compadd workflows; return; fi
  [[ ${words[first+1]} == workflows ]] || return
  if (( CURRENT == first + 2 )); then compadd @WORDS@; return; fi
  (( CURRENT == first + 3 )) || { _files; return }
  local kind=""
  [[ " @OF_WORKFLOW@ " == *" ${words[first+2]} "* ]] && kind=workflows
  [[ " @OF_RUN@ " == *" ${words[first+2]} "* ]] && kind=runs
  [[ -n $kind ]] || return
  compadd -- ${(f)"$("${program[@]}" workflows known-ids $kind "$PREFIX" 2>/dev/null)"}
}
compdef _signalbox_workflows manage.py python python3
"""

_FISH: Final = r"""# fish completion for `manage.py workflows`: source it from config.fish.
function __signalbox_words
  set -l words (commandline -opc)
  for index in (seq (count $words))
    if string match -q '*manage.py' -- $words[$index]
      echo $index
      return
    end
  end
end
function __signalbox_at
  set -l first (__signalbox_words)
  test -n "$first"; or return 1
  set -l words (commandline -opc)
  test (count $words) -eq (math $first + $argv[1]); or return 1
  if test $argv[1] -gt 0
    test "$words[(math $first + 1)]" = workflows; or return 1
  end
  if test (count $argv) -gt 1
    contains -- $words[(math $first + 2)] $argv[2..-1]; or return 1
  end
end
function __signalbox_ids
  set -l first (__signalbox_words)
  set -l words (commandline -opc)
  $words[1..$first] workflows known-ids $argv[1] (commandline -ct) 2>/dev/null
end
for command in manage.py python python3
  complete -c $command -f -n '__signalbox_at 0' -a workflows
  complete -c $command -f -n '__signalbox_at 1' -a '@WORDS@'
  complete -c $command -f -n '__signalbox_at 2 @OF_WORKFLOW@' -a '(__signalbox_ids workflows)'
  complete -c $command -f -n '__signalbox_at 2 @OF_RUN@' -a '(__signalbox_ids runs)'
end
"""
_SCRIPTS: Final = {"bash": _BASH, "zsh": _ZSH, "fish": _FISH}


def script(session: Session) -> int:
    """Print the script for a shell."""
    from .parsing import WORDS  # noqa: PLC0415 - it needs SHELLS

    text = _SCRIPTS[session.options.shell]
    text = text.replace("@WORDS@", " ".join(WORDS)).replace("@OF_WORKFLOW@", _OF_WORKFLOW)
    session.out.write(text.replace("@OF_RUN@", _OF_RUN))
    return 0


def known_ids(session: Session) -> int:
    """Print the ids that begin so, one on each line."""
    prefix = session.options.prefix
    if session.options.kind == "workflows":
        found = [each.id for each in list_workflows() if each.id.startswith(prefix)]
    else:
        rows = Run.objects.filter(run_id__startswith=prefix).order_by("-pk")
        found = list(rows.values_list("run_id", flat=True)[:MOST])
    session.out.write("".join(f"{each}\n" for each in sorted(found)))
    return 0
