#!/bin/sh
# Compare the commits that .github/workflows/ pins with the tags that are written behind them: `sh tools/actions.sh`. It asks the
# repository of each action, and ends with 1 where a tag names another commit. GIT_BASE is where the repositories are.
set -eu
case "${1:-}" in -h | --help) sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
cd "$(dirname "$0")/.."
base=${GIT_BASE:-https://github.com}
wrong=0
uses=$(sed -n 's/^ *-\{0,1\} *uses: *\([A-Za-z0-9._-]*\/[A-Za-z0-9._-]*\)[^@]*@\([0-9a-f]\{40\}\) # \(v[0-9.]*\)$/\1 \2 \3/p' \
    "${1:-.github/workflows}"/*.yml | sort -u)
[ -n "$uses" ] || { echo "actions: no pinned action was found" >&2; exit 1; }
while read -r action commit tag; do
    # an annotated tag has a second line, with the commit that it stands for
    found=$(git ls-remote "$base/$action" "refs/tags/$tag" "refs/tags/$tag^{}" | tail -n 1 | cut -f 1)
    if [ "$found" = "$commit" ]; then
        echo "$action $tag: $commit"
    else
        echo "actions: $action $tag is ${found:-unknown}, and $commit is pinned" >&2
        wrong=1
    fi
done <<LIST
$uses
LIST
exit "$wrong"
