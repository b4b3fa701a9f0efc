# What jq 1.7 has and the library does not.
def toarray: if isarray then . else [.] end;
def have_literal_numbers: true;
def have_decnum: false;
def trimstr($x): ltrimstr($x) | rtrimstr($x);
def ascii: [.] | implode;
def leaf_paths: paths(scalars);
def IN(s): any(s == .; .);
def IN(src; s): any(src == s; .);
def INDEX(stream; f): reduce stream as $row ({}; . + {($row | f | tostring): $row});
def INDEX(f): INDEX(.[]; f);
def GROUP_BY(f): group_by(f);
def isvalid(f): try (f | true) catch false;
def date: todate;
def dateadd(u; n): . + n;
def datesub(u; n): . - n;

def @csv: if isarray then . else error("\(.) cannot be a line of CSV: it is not an array") end
  | map(if isstring then "\"" + (. / "\"" | join("\"\"")) + "\""
        elif . == null then ""
        elif . >= [] then error("\(.) cannot be in a line of CSV")
        else tostring end)
  | join(",");
def @tsv: if isarray then . else error("\(.) cannot be a line of TSV: it is not an array") end
  | map(if isstring then (. / "\\" | join("\\\\")) / "\t" | join("\\t") | . / "\n" | join("\\n") | . / "\r" | join("\\r")
        elif . == null then ""
        elif . >= [] then error("\(.) cannot be in a line of TSV")
        else tostring end)
  | join("\t");
