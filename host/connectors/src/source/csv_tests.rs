//! CSV as it is read, beside three others that read it: a model of the rules in a few lines, `csv-core` where reading is
//! lenient, and Python's `csv` in its strict mode.

use std::process::{Command, Stdio};
use std::{fs, io};

use fastrand::Rng;
use proptest::prelude::*;

use super::csv::{CsvRecords, CsvRows};
use super::csv_scan::{QuoteFaultKind, Rules, Scanned, Scanner};
use super::records::{ChunkBuilder, RecordReader, Size};
use crate::CsvDialect;
use crate::tests::{Pieces, bounds};
use sandmill_engine::edge::Header;
use sandmill_engine::record::Lines;

/// What is read, in order: the line, and the fields or the bytes of what is not a record.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Seen {
    Row(u64, Vec<Vec<u8>>),
    Bad(u64, Vec<u8>, Why),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Fields,
    NotText,
    Overlong,
    Behind,
    Within,
    Return,
    Unclosed,
    Lost,
}

impl Why {
    /// What the reader says.
    fn of(reason: &str) -> Self {
        let words = [
            ("the header names", Self::Fields),
            ("not UTF-8", Self::NotText),
            ("that a record may have", Self::Overlong),
            ("text follows", Self::Behind),
            ("does not begin with one", Self::Within),
            ("carriage return", Self::Return),
            ("never closed", Self::Unclosed),
            ("not closed within", Self::Lost),
        ];
        words.iter().find(|(word, _)| reason.contains(word)).unwrap_or_else(|| panic!("{reason}")).1
    }
}

/// The rules, as slow and plain as can be.
struct Model<'a> {
    input: &'a [u8],
    lenient: bool,
    max: usize,
    columns: usize,
    at: usize,
    line: u64,
    seen: Vec<Seen>,
}

enum Parsed {
    Row(Vec<Vec<u8>>, usize, usize),
    Broken(usize, Why),
}

impl Model<'_> {
    fn read(mut self) -> Vec<Seen> {
        while self.skip_blank() {
            match self.parse(&self.input[self.at..]) {
                Parsed::Row(fields, bytes, next) => self.row(fields, bytes, next),
                Parsed::Broken(at, why) => self.broken(at, why),
            }
        }
        self.seen
    }

    fn skip_blank(&mut self) -> bool {
        loop {
            let rest = &self.input[self.at..];
            let blank = match rest {
                [] => return false,
                [b'\n', ..] => 1,
                [b'\r', b'\n', ..] => 2,
                [b'\r', rest @ ..] if self.lenient || rest.is_empty() => 1,
                _ => return true,
            };
            self.take(blank);
        }
    }

    fn take(&mut self, bytes: usize) {
        let taken = &self.input[self.at..self.at + bytes];
        self.line += taken.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.at += bytes;
    }

    /// One byte after the other.
    fn parse(&self, row: &[u8]) -> Parsed {
        let (mut fields, mut field) = (Vec::new(), Vec::new());
        let (mut start, mut open) = (0, None);
        let mut at = 0;
        while let Some(&byte) = row.get(at) {
            if let Some(opened) = open {
                if at - opened > self.max {
                    return Parsed::Broken(opened + self.max + 1, Why::Lost);
                }
                match (byte, row.get(at + 1)) {
                    (b'"', Some(b'"')) => {
                        field.push(b'"');
                        at += 1;
                    }
                    (b'"', Some(b',' | b'\n' | b'\r') | None) => open = None,
                    (b'"', Some(_)) if self.lenient => open = None,
                    (b'"', Some(_)) => return Parsed::Broken(at + 1, Why::Behind),
                    _ => field.push(byte),
                }
                at += 1;
                continue;
            }
            match (byte, row.get(at + 1)) {
                (b',', _) => {
                    fields.push(std::mem::take(&mut field));
                    start = at + 1;
                }
                (b'\n', _) => {
                    fields.push(field);
                    return Parsed::Row(fields, at, at + 1);
                }
                (b'\r', next) => {
                    fields.push(field);
                    return match next {
                        Some(b'\n') => Parsed::Row(fields, at, at + 2),
                        Some(_) if !self.lenient => Parsed::Broken(at, Why::Return),
                        _ => Parsed::Row(fields, at, at + 1),
                    };
                }
                (b'"', _) if at == start => open = Some(at),
                (b'"', _) if !self.lenient => return Parsed::Broken(at, Why::Within),
                _ => field.push(byte),
            }
            at += 1;
        }
        if let Some(opened) = open {
            if at - opened > self.max {
                return Parsed::Broken(opened + self.max + 1, Why::Lost);
            }
            if !self.lenient {
                return Parsed::Broken(at, Why::Unclosed);
            }
        }
        fields.push(field);
        Parsed::Row(fields, at, at)
    }

    fn row(&mut self, fields: Vec<Vec<u8>>, bytes: usize, next: usize) {
        let raw = self.input[self.at..self.at + bytes].to_vec();
        let line = self.line;
        let why = match () {
            () if raw.len() > self.max => Some(Why::Overlong),
            () if fields.len() != self.columns => Some(Why::Fields),
            () if std::str::from_utf8(&raw).is_err() => Some(Why::NotText),
            () => None,
        };
        self.seen.push(match why {
            Some(why) => Seen::Bad(line, head(raw, self.max), why),
            None => Seen::Row(line, fields),
        });
        self.take(next);
    }

    fn broken(&mut self, at: usize, why: Why) {
        let (begin, line) = (self.at, self.line);
        self.take(at);
        let mut end = self.take_line();
        if why == Why::Lost {
            while self.at < self.input.len() && !self.is_row() {
                self.take_line();
            }
            end = self.at;
        }
        let raw = self.input[begin..end].to_vec();
        self.seen.push(Seen::Bad(line, head(raw, self.max), why));
    }

    /// Takes the rest of the line, and says where it ends.
    fn take_line(&mut self) -> usize {
        let rest = &self.input[self.at..];
        match rest.iter().position(|byte| *byte == b'\n') {
            Some(feed) => {
                let returned = feed > 0 && rest[feed - 1] == b'\r';
                let end = self.at + feed - usize::from(returned);
                self.take(feed + 1);
                end
            }
            None => {
                self.take(rest.len());
                self.at
            }
        }
    }

    fn is_row(&self) -> bool {
        let rest = &self.input[self.at..];
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
        match self.parse(line) {
            Parsed::Row(fields, bytes, next) => {
                line.len() <= self.max && bytes > 0 && next == line.len() && fields.len() == self.columns
            }
            Parsed::Broken(..) => false,
        }
    }
}

/// What is kept of a row.
fn head(mut raw: Vec<u8>, max: usize) -> Vec<u8> {
    if raw.len() > max {
        raw.truncate(1024);
    }
    raw
}

struct Case {
    input: Vec<u8>,
    sizes: Vec<usize>,
    block: usize,
    lenient: bool,
    max: usize,
    columns: usize,
}

impl Case {
    fn model(&self) -> Vec<Seen> {
        let Self { ref input, lenient, max, columns, .. } = *self;
        Model { input, lenient, max, columns, at: 0, line: 1, seen: Vec::new() }.read()
    }

    fn reader(&self, eager: bool) -> CsvRecords {
        let columns = (0..self.columns).map(|column| format!("c{column}")).collect();
        let dialect = CsvDialect { lenient: self.lenient, header: false, columns, ..CsvDialect::default() };
        let input: Box<dyn io::Read + Send> = Box::new(Pieces::new(self.input.clone(), self.sizes.clone()));
        CsvRecords::with_block(
            input,
            CsvRows { dialect, row_bytes_max: self.max, eager },
            Header::default(),
            self.block,
        )
    }

    /// What is read, in pages of a number of records.
    fn seen(&self, records: usize) -> Vec<Seen> {
        let mut reader = self.reader(self.sizes.len() % 2 == 1);
        let mut seen = Vec::new();
        while fill(&mut reader, records, &mut seen) {}
        seen
    }

    /// The same, by another reader for each chunk, which begins where the one before it was.
    fn seen_in_runs(&self, records: usize) -> Vec<Seen> {
        let mut reader = self.reader(false);
        let mut seen = Vec::new();
        while fill(&mut reader, records, &mut seen) {
            let read_position = reader.read_position();
            reader = self.reader(false);
            assert!(matches!(reader.go_to(&read_position, None), Ok(true)), "the input is the same");
        }
        seen
    }
}

/// Adds what stands in the next chunk; `false` after the last one.
fn fill(reader: &mut CsvRecords, records: usize, seen: &mut Vec<Seen>) -> bool {
    let mut builder = ChunkBuilder::new(&bounds(records, 200), None, Size::default());
    let more = reader.fill(&mut builder).unwrap_or_else(|fault| panic!("{fault:?}"));
    let chunk = builder.into_chunk(0, None);
    let mut bad = chunk.bad.into_iter().zip(chunk.places.gaps).peekable();
    for (row, value) in chunk.records.values().iter().enumerate() {
        while let Some((bad, _)) = bad.next_if(|(_, gap)| *gap as usize <= row) {
            seen.push(seen_bad(bad));
        }
        seen.push(Seen::Row(line(&chunk.places.lines, row), fields(value)));
    }
    seen.extend(bad.map(|(bad, _)| seen_bad(bad)));
    more
}

fn seen_bad(bad: sandmill_engine::edge::BadRecord) -> Seen {
    Seen::Bad(line(&bad.places.lines, 0), bad.data, Why::of(&bad.reason))
}

fn line(lines: &Lines, row: usize) -> u64 {
    match lines {
        Lines::None => panic!("rows stand on lines"),
        Lines::From(first) => first + row as u64,
        Lines::Each(lines) => lines[row],
    }
}

fn fields(object: &[u8]) -> Vec<Vec<u8>> {
    let object: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(object).expect("an object");
    object.values().map(|value| value.as_str().expect("a string").as_bytes().to_vec()).collect()
}

fn csv() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        8 => prop::sample::select(b"ab".to_vec()),
        5 => Just(b','),
        3 => Just(b'"'),
        3 => Just(b'\n'),
        1 => prop::sample::select(b"\r\\\t\x01".to_vec()),
    ];
    let piece = prop_oneof![
        10 => byte.prop_map(|byte| vec![byte]),
        3 => prop::sample::select(vec!["\"x\"", "\"\"", "\"a\"\"b\"", "\r\n", "1,2\n", "\u{e4}", "aaaaaaaaaa", "1,\"x\n"])
            .prop_map(|text| text.as_bytes().to_vec()),
        1 => Just(vec![0xff]),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn rows_and_what_is_not_one_are_those_of_the_model_wherever_the_input_is_cut(
        input in csv(),
        sizes in prop::collection::vec(1_usize..20, 1..8),
        block in 1_usize..64,
        lenient in any::<bool>(),
        max in prop_oneof![2 => Just(1000_usize), 1 => 1_usize..20],
        (columns, records) in (1_usize..4, 1_usize..6),
    ) {
        let case = Case { input, sizes, block, lenient, max, columns };
        let expected = case.model();
        prop_assert_eq!(case.seen(records), expected.clone());
        prop_assert_eq!(case.seen_in_runs(records), expected);
    }

    #[test]
    fn lenient_rows_are_those_of_csv_core(input in csv()) {
        let (rows, faults) = scanned(&input, true);
        prop_assert!(faults.is_empty());
        prop_assert_eq!(rows, rows_of_csv_core(&input));
    }
}

/// The fields of a row.
type Fields = Vec<Vec<u8>>;

/// The rows of an input and the faults in it, each with the rows before it.
fn scanned(input: &[u8], lenient: bool) -> (Vec<Fields>, Vec<(usize, QuoteFaultKind)>) {
    let mut scanner = Scanner::new(Rules { delimiter: b',', lenient, open_bytes_max: 1 << 20 }, 1000);
    let (mut rows, mut faults) = (Vec::new(), Vec::new());
    let mut rest = input;
    loop {
        rest = match rest {
            [] => return (rows, faults),
            [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] => rest,
            [b'\r', rest @ ..] if lenient || rest.is_empty() => rest,
            _ => {
                scanner.clear();
                match scanner.scan(rest, true) {
                    Scanned::Row { bytes, next } => {
                        rows.push(scanner.fields(&rest[..bytes]).map(|(field, _)| field.into_owned()).collect());
                        &rest[next..]
                    }
                    Scanned::Broken { at, fault } => {
                        faults.push((rows.len(), fault.kind));
                        let feed = rest[at..].iter().position(|byte| *byte == b'\n');
                        &rest[feed.map_or(rest.len(), |feed| at + feed + 1)..]
                    }
                    other @ (Scanned::Lost { .. } | Scanned::More) => panic!("{other:?}"),
                }
            }
        };
    }
}

fn rows_of_csv_core(mut input: &[u8]) -> Vec<Fields> {
    let mut reader = csv_core::Reader::new();
    let (mut output, mut ends) = (vec![0; 4096], vec![0; 1000]);
    let (mut rows, mut written, mut ended) = (Vec::new(), 0, 0);
    loop {
        let (result, taken, bytes, fields) = reader.read_record(input, &mut output[written..], &mut ends[ended..]);
        input = &input[taken..];
        (written, ended) = (written + bytes, ended + fields);
        match result {
            csv_core::ReadRecordResult::Record => {
                let starts = [0].into_iter().chain(ends.iter().copied());
                rows.push(starts.zip(&ends[..ended]).map(|(start, end)| output[start..*end].to_vec()).collect());
                (written, ended) = (0, 0);
            }
            csv_core::ReadRecordResult::End => return rows,
            csv_core::ReadRecordResult::InputEmpty => {}
            full @ (csv_core::ReadRecordResult::OutputFull | csv_core::ReadRecordResult::OutputEndsFull) => {
                panic!("{full:?}")
            }
        }
    }
}

/// Files that are mostly well formed, and files that are anything.
fn random_file(rng: &mut Rng) -> Vec<u8> {
    let wild = ["a", "b,", ",", "\"", "\"\"", "\n", "\r\n", "\r", "x y", "\"a\"", "\",\"", " ", "\t", "'"];
    let fields = ["", "a", "1.5", "\"\"", "\"a,b\"", "\"a\nb\"", "\"a\"\"b\"", "\"\r\"", "it's", "\"\"\"\"", " a "];
    let slips = ["\"a\"b", "5\"", "\"open", "a\rb", "\"a\" ", " \"a\""];
    let mut file = String::new();
    if rng.u8(..4) == 0 {
        for _ in 0..rng.usize(..30) {
            file.push_str(wild[rng.usize(..wild.len())]);
        }
        return file.into_bytes();
    }
    let has_slips = rng.bool();
    for _ in 0..rng.usize(..8) {
        for column in 0..rng.usize(1..4) {
            file.push_str(if column > 0 { "," } else { "" });
            let words: &[&str] = if has_slips && rng.u8(..8) == 0 { &slips } else { &fields };
            file.push_str(words[rng.usize(..words.len())]);
        }
        file.push_str(if rng.u8(..4) == 0 { "\r\n" } else { "\n" });
    }
    if rng.bool() {
        file.truncate(file.len().saturating_sub(rng.usize(..3)));
    }
    file.into_bytes()
}

/// What Python's strict reader makes of each file: its rows, and whether it refused to read on.
const PYTHON: &str = r#"
import csv, io, json, sys
for line in open(sys.argv[1]):
    rows, refused = [], False
    try:
        for row in csv.reader(io.StringIO(json.loads(line), newline="\n"), strict=True):
            if row:
                rows.append(row)
    except csv.Error:
        refused = True
    print(json.dumps([rows, refused]))
"#;

/// Would fail if a quote swallowed what follows it, as `csv-core` lets it (issue 12): there Python refuses to read on.
#[test]
fn what_is_read_strictly_is_what_python_reads_strictly() {
    let mut rng = Rng::with_seed(12);
    let files: Vec<Vec<u8>> = (0..6000).map(|_| random_file(&mut rng)).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("files");
    let lines: Vec<String> =
        files.iter().map(|file| serde_json::to_string(&String::from_utf8_lossy(file)).unwrap()).collect();
    fs::write(&path, lines.join("\n")).unwrap();
    let python = Command::new("python3").arg("-c").arg(PYTHON).arg(&path).stderr(Stdio::inherit()).output();
    let Ok(python) = python else {
        eprintln!("left out: there is no python3 to compare with");
        return;
    };
    let answers: Vec<(Vec<Vec<String>>, bool)> =
        String::from_utf8(python.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), files.len(), "Python answers for each file");
    let (mut sound, mut refused) = (0, 0);
    for (file, (theirs, they_refuse)) in files.iter().zip(answers) {
        let shown = String::from_utf8_lossy(file);
        let (ours, faults) = scanned(file, false);
        let before = faults.first().map_or(ours.len(), |(before, _)| *before);
        let text = |row: &Vec<Vec<u8>>| row.iter().map(|f| String::from_utf8_lossy(f).into_owned()).collect::<Vec<_>>();
        let ours: Vec<_> = ours.iter().take(before).map(text).collect();
        assert_eq!(ours, theirs.get(..before).unwrap_or_else(|| panic!("{shown:?}: {theirs:?}")), "{shown:?}");
        match faults.first() {
            None => assert!(!they_refuse && theirs.len() == before, "{shown:?}: {theirs:?}"),
            // These two Python lets pass: it reads the quote as it is, and takes two returns for one.
            Some((_, QuoteFaultKind::Within | QuoteFaultKind::Return)) => {}
            Some((_, fault)) => assert!(they_refuse, "{shown:?}: {fault:?}"),
        }
        (sound, refused) = (sound + usize::from(faults.is_empty()), refused + usize::from(they_refuse));
    }
    assert!(sound > 1000 && refused > 300, "{sound} sound, {refused} refused: the files compare too little");
}

/// Each of these was delivered as data, or was refused or not by whether there was a last line feed.
mod issue_12 {
    use super::*;

    fn read(input: &str, columns: usize) -> Vec<Seen> {
        let whole = |input: &str| Case {
            input: input.into(),
            sizes: vec![1 << 10],
            block: 1 << 10,
            lenient: false,
            max: 1 << 10,
            columns,
        };
        whole(input).seen(100)
    }

    fn row(line: u64, fields: &[&str]) -> Seen {
        Seen::Row(line, fields.iter().map(|field| field.as_bytes().to_vec()).collect())
    }

    fn bad(line: u64, data: &str, why: Why) -> Seen {
        Seen::Bad(line, data.into(), why)
    }

    #[test]
    fn a_stray_quote_costs_its_line_and_no_other() {
        let seen = read("1,5\",\"x\n2,y,z\n3,p,q\n", 3);
        assert_eq!(seen, [bad(1, "1,5\",\"x", Why::Within), row(2, &["2", "y", "z"]), row(3, &["3", "p", "q"])]);
    }

    #[test]
    fn a_quote_that_is_open_at_the_end_is_bad_with_and_without_a_last_line_feed() {
        assert_eq!(read("1,\"hello wor", 2), [bad(1, "1,\"hello wor", Why::Unclosed)]);
        assert_eq!(read("1,\"hello wor\n", 2), [bad(1, "1,\"hello wor\n", Why::Unclosed)]);
        for end in ["", "\n", "\r\n"] {
            assert_eq!(read(&format!("1,\"p\nq\",5\"{end}"), 3), [bad(1, "1,\"p\nq\",5\"", Why::Within)]);
        }
    }

    #[test]
    fn text_behind_a_quote_and_a_return_without_its_feed_are_bad() {
        assert_eq!(read("\"a\"b,1\n2,3\n", 2), [bad(1, "\"a\"b,1", Why::Behind), row(2, &["2", "3"])]);
        assert_eq!(read("\"a\nb\" ,1\n2,3", 2), [bad(1, "\"a\nb\" ,1", Why::Behind), row(3, &["2", "3"])]);
        assert_eq!(read("a\rb,1\r\n2,3\r\n", 2), [bad(1, "a\rb,1", Why::Return), row(2, &["2", "3"])]);
        assert_eq!(read("\"a\"\rb,1\n2,3\r", 2), [bad(1, "\"a\"\rb,1", Why::Return), row(2, &["2", "3"])]);
    }

    #[test]
    fn a_quote_that_is_open_for_too_long_ends_where_a_line_is_a_row() {
        // What follows the bound and cannot be told from text is not taken for rows: only the last line has two fields.
        let input = format!("1,\"{}\ntext\nmore, of, it\n7,8\n9,\"a\nb\"\n", "x".repeat(2000));
        let seen = read(&input, 2);
        let line_of = |seen: &Seen| match seen {
            Seen::Row(line, _) | Seen::Bad(line, ..) => *line,
        };
        assert_eq!(seen.iter().map(line_of).collect::<Vec<_>>(), [1, 4, 5]);
        assert!(matches!(&seen[0], Seen::Bad(1, data, Why::Lost) if data.len() == 1024));
        assert_eq!(seen[1..], [row(4, &["7", "8"]), row(5, &["9", "a\nb"])]);
    }

    #[test]
    fn lenient_reads_all_of_it_as_before() {
        let case = |input: &str, columns| Case {
            input: input.into(),
            sizes: vec![64],
            block: 64,
            lenient: true,
            max: 1 << 10,
            columns,
        };
        assert_eq!(case("1,5\",\"x\n2,y,z\n", 3).seen(9), [row(1, &["1", "5\"", "x\n2,y,z\n"])]);
        assert_eq!(case("1,\"hello wor", 2).seen(9), [row(1, &["1", "hello wor"])]);
        assert_eq!(case("a\r\"b\"c", 1).seen(9), [row(1, &["a"]), row(1, &["bc"])]);
    }
}
