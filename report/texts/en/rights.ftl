## Objections

objections-lost = { $path } has { $found ->
    [one] { $found_text } objection
   *[other] { $found_text } objections
 }, but this node took { $least_text }: it was lost, or an older copy was put back
    .try = restore `objections/` from the latest copy and give later feeds again; without a copy, move `objections.anchor` away and give every feed again before anything else
objections-full = this node keeps at most { $most_text } objections
    .try = leave the persons out of the graph file instead
