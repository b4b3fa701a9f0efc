//! Files as a run reads them: found, unpacked, taken apart into records; and every way in which they can be bad.

use std::fs;
use std::io::{Read, Write};
use std::num::NonZeroUsize;
use std::path::Path;

use tempfile::TempDir;

use super::blocking::BlockingSource;
use super::file::FileSource;
use super::reader::{Origin, Shape};
use super::stdin::StdinSource;
use crate::kind;
use crate::tests::bounds;
use crate::{CsvDialect, SourceFormat};
use sandmill_engine::edge::{Chunk, Extent};
use sandmill_engine::error::{Error, ErrorKind};
use sandmill_engine::record::{BatchBounds, Lines};

const CSV: SourceFormat =
    SourceFormat::Csv(CsvDialect { delimiter: b',', lenient: false, header: true, columns: Vec::new() });

/// All that a source gives.
#[derive(Default)]
struct Seen {
    chunks: Vec<Chunk>,
    error: Option<Error>,
}

impl Seen {
    /// File name, line and value of each record.
    fn records(&self) -> Vec<(String, Option<u64>, String)> {
        let mut all = Vec::new();
        for chunk in &self.chunks {
            for (row, value) in chunk.records.values().iter().enumerate() {
                all.push((
                    name(&chunk.places.path),
                    line(&chunk.places.lines, row),
                    String::from_utf8_lossy(value).into(),
                ));
            }
        }
        all
    }

    fn values(&self) -> Vec<String> {
        self.records().into_iter().map(|(_, _, value)| value).collect()
    }

    fn lines(&self) -> Vec<u64> {
        self.records().into_iter().filter_map(|(_, line, _)| line).collect()
    }

    /// Line, reason and data of what is not a record.
    fn bad(&self) -> Vec<(Option<u64>, &str, &[u8])> {
        let bad = self.chunks.iter().flat_map(|chunk| &chunk.bad);
        bad.map(|bad| (line(&bad.places.lines, 0), bad.reason.as_str(), bad.data.as_slice())).collect()
    }
}

fn name(path: &Option<std::sync::Arc<Path>>) -> String {
    path.as_ref().and_then(|path| path.file_name()).unwrap_or_default().to_string_lossy().into()
}

fn line(lines: &Lines, row: usize) -> Option<u64> {
    match lines {
        Lines::None => None,
        Lines::From(first) => Some(first + row as u64),
        Lines::Each(lines) => Some(lines[row]),
    }
}

fn drain(mut source: impl BlockingSource, bounds: &BatchBounds) -> Seen {
    let (mut seen, finish) = (Seen::default(), source.finish());
    loop {
        match source.pull(bounds) {
            Ok(Some(chunk)) => seen.chunks.extend(Some(finish(chunk)).filter(|chunk| !chunk.is_empty())),
            Ok(None) => return seen,
            Err(error) => {
                seen.error = Some(error);
                return seen;
            }
        }
    }
}

fn plan(patterns: &[String], format: SourceFormat, max: usize) -> kind::FileSource {
    let record_bytes_max = NonZeroUsize::new(max).expect("tests give positive bounds");
    kind::FileSource { patterns: patterns.to_vec(), format, record_bytes_max }
}

fn shape(format: SourceFormat, max: usize) -> Shape {
    Shape::new(format, NonZeroUsize::new(max).expect("tests give positive bounds"))
}

/// A folder with files.
fn folder(files: &[(&str, &[u8])]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, data) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, data).unwrap();
    }
    folder
}

fn open(folder: &TempDir, pattern: &str, format: SourceFormat) -> Result<FileSource, Error> {
    FileSource::open(&plan(&[folder.path().join(pattern).display().to_string()], format, 1 << 20))
}

/// Reads one file that holds `data`.
fn read(data: &[u8], format: SourceFormat) -> Seen {
    read_named("input.txt", data, format)
}

fn read_named(name: &str, data: &[u8], format: SourceFormat) -> Seen {
    let folder = folder(&[(name, data)]);
    match open(&folder, name, format) {
        Ok(source) => drain(source, &bounds(1000, 1 << 20)),
        // The only file is begun when it is opened.
        Err(error) => Seen { chunks: Vec::new(), error: Some(error) },
    }
}

fn refused(folder: &TempDir, pattern: &str) -> Error {
    let error = open(folder, pattern, SourceFormat::Lines).err().expect("it cannot be opened");
    assert_eq!(error.kind(), ErrorKind::Config);
    error
}

mod lines {
    use super::*;

    #[test]
    fn a_line_is_a_record_with_or_without_its_end() {
        let seen = read(b"a\r\n\nb\rc\nlast", SourceFormat::Lines);
        assert_eq!(seen.values(), ["a", "", "b\rc", "last"]);
        assert_eq!(seen.lines(), [1, 2, 3, 4]);
        assert!(matches!(seen.chunks[0].places.lines, Lines::From(1)));
        assert!(read(b"", SourceFormat::Lines).chunks.is_empty());
        assert_eq!(read(b"\n", SourceFormat::Lines).values(), [""]);
    }

    #[test]
    fn bytes_that_are_no_text_are_left_alone() {
        let seen = read(b"\xff\xfe\n\xef\xbb\xbfa\n", SourceFormat::Lines);
        assert_eq!(seen.chunks[0].records.value(0), Some(b"\xff\xfe" as &[u8]));
        assert_eq!(seen.chunks[0].records.value(1), Some(b"\xef\xbb\xbfa" as &[u8]));
    }

    #[test]
    fn a_chunk_keeps_within_its_bounds_and_within_one_file() {
        let folder =
            folder(&[("a.log", b"1\n2\n3\n4\n5\n"), ("b.log", b"aaaa\nbbbb\ncccccccccccc\nd\n"), ("c.log", b"")]);
        let source = open(&folder, "*.log", SourceFormat::Lines).unwrap();
        assert_eq!(source.extent(), Extent::Bytes(35));
        let seen = drain(source, &bounds(3, 8));
        let sizes: Vec<_> = seen.chunks.iter().map(|chunk| chunk.records.len()).collect();
        assert_eq!(sizes, [3, 2, 2, 1, 1]);
        assert_eq!(seen.lines(), [1, 2, 3, 4, 5, 1, 2, 3, 4]);
        let files: Vec<_> = seen.records().into_iter().map(|(file, _, _)| file).collect();
        assert_eq!(files[4..6], ["a.log", "b.log"]);
        let positions: Vec<_> = seen.chunks.iter().map(|chunk| chunk.position).collect();
        assert_eq!(positions, [6, 10, 20, 33, 35]);
    }

    #[test]
    fn a_line_that_is_too_long_is_a_bad_record_and_reading_goes_on() {
        let folder = folder(&[("a.log", &[b"ok\n", vec![b'x'; 5000].as_slice(), b"\r\nafter\nthat\nthis\n"].concat())]);
        let pattern = folder.path().join("a.log").display().to_string();
        let seen = drain(FileSource::open(&plan(&[pattern], SourceFormat::Lines, 100)).unwrap(), &bounds(10, 1000));
        assert_eq!(seen.records()[1], ("a.log".into(), Some(3), "after".into()));
        assert_eq!(seen.lines(), [1, 3, 4, 5], "lines behind it have their own numbers");
        let (line, reason, data) = seen.bad()[0];
        assert_eq!(
            (line, reason, data.len()),
            (Some(2), "the line has 5000 bytes, more than the 100 that a record may have", 1024)
        );
        assert!(seen.chunks[0].bad[0].places.path.is_some());
    }
}

mod json_lines {
    use proptest::prelude::*;

    use super::*;
    use crate::fuzzing::{Given, Reading, read as read_in_pieces};

    #[test]
    fn bad_lines_are_given_with_line_and_column_and_blank_ones_are_skipped() {
        let data = b"\xef\xbb\xbf{\"a\":1}\n\n[2\n  \t\r\n 3 \n{\"a\":\"\xff\"}\n{} {}\n\"x\"";
        let seen = read(data, SourceFormat::JsonLines);
        assert_eq!(seen.values(), ["{\"a\":1}", " 3 ", "\"x\""]);
        assert_eq!(seen.lines(), [1, 5, 8]);
        assert_eq!(
            seen.bad(),
            [
                (Some(3), "not JSON: EOF while parsing a list at column 2", b"[2" as &[u8]),
                (Some(6), "not UTF-8: the byte at column 7 does not begin a character", b"{\"a\":\"\xff\"}"),
                (Some(7), "not JSON: trailing characters at column 4", b"{} {}"),
            ]
        );
    }

    #[test]
    fn a_chunk_of_bad_lines_only_is_bounded_too() {
        let seen_sizes = |bounds| {
            let folder = folder(&[("a", "?\n".repeat(10).as_bytes())]);
            let seen = drain(open(&folder, "a", SourceFormat::JsonLines).unwrap(), &bounds);
            seen.chunks.iter().map(|chunk| chunk.bad.len()).collect::<Vec<_>>()
        };
        assert_eq!(seen_sizes(bounds(4, 1000)), [4, 4, 2]);
    }

    const OVERLONG: &str = "the line has 5000 bytes, more than the 100 that a record may have";

    /// A line, and what becomes of it: nothing, a record, or a bad record.
    fn any_line() -> impl Strategy<Value = (Vec<u8>, Option<bool>)> {
        prop_oneof![
            8 => "[0-9]{1,30}".prop_map(|digits| (format!("[\"{digits}\"]").into_bytes(), Some(true))),
            1 => Just((b"{\"a\":\r1}".to_vec(), Some(true))),
            2 => " {0,2}".prop_map(|blank| (blank.into_bytes(), None)),
            2 => Just((b"{\"a\":1".to_vec(), Some(false))),
            1 => Just((b"\xff".to_vec(), Some(false))),
            1 => Just((vec![b'x'; 5000], Some(false))),
        ]
    }

    proptest! {
        /// However the input comes and chunks are bounded.
        #[test]
        fn good_blank_bad_and_overlong_lines_are_told_apart_in_their_order(
            lines in prop::collection::vec(any_line(), 0..60), piece in 1..300_usize, records in 1..20_usize,
        ) {
            let input: Vec<u8> = lines.iter().flat_map(|(line, _)| [line, b"\n" as &[u8]].concat()).collect();
            let size = |size| NonZeroUsize::new(size).expect("drawn from 1 up");
            let reading = Reading { piece: size(piece), records: size(records), record_bytes_max: size(100) };
            let given = read_in_pieces(&input, SourceFormat::JsonLines, reading).expect("lines have no header");
            let told = |(line, value): (u64, &(Vec<u8>, Option<bool>))| {
                value.1.map(|is_good| (Some(line), value.0.get(..1024).unwrap_or(&value.0).to_vec(), is_good))
            };
            let expected: Vec<_> = (1..).zip(&lines).filter_map(told).collect();
            let seen: Vec<_> = given.into_iter().map(|Given { line, record }| match record {
                Ok(value) => (line, value, true),
                Err((data, reason)) => {
                    assert_eq!(reason == OVERLONG, data.len() == 1024);
                    (line, data, false)
                }
            }).collect();
            prop_assert_eq!(seen, expected);
        }
    }
}

mod csv {
    use proptest::prelude::*;

    use super::*;
    use crate::format::TextWriter;
    use crate::tests::{Pieces, records};
    use crate::{CsvFormat, LineFormat};

    fn read_pieces(data: &[u8], sizes: Vec<usize>, bounds: &BatchBounds) -> Seen {
        let shape = shape(CSV, 1 << 16);
        let origin = Origin { name: "x".into(), eager: sizes.len() % 2 == 1 };
        drain(StdinSource::of(&shape, Box::new(Pieces::new(data.to_vec(), sizes)), origin), bounds)
    }

    fn written(objects: &[String]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut writer = TextWriter::new(LineFormat::Csv(CsvFormat { delimiter: b',' }));
        assert!(writer.push_all(&mut out, &records(objects)).is_empty());
        out
    }

    proptest! {
        #[test]
        fn rows_survive_being_written_and_read_in_any_blocks(
            rows in (1_usize..5).prop_flat_map(|width| {
                prop::collection::vec(prop::collection::vec("[a\u{e4},;\"\r\n\\\\ \t\u{1}]{0,6}", width), 1..12)
            }),
            sizes in prop::collection::vec(1_usize..20, 1..8),
            most in 1_usize..6,
        ) {
            let object = |row: &Vec<String>| {
                let fields = row.iter().enumerate().map(|(column, field)| (format!("c{column}"), field.clone().into()));
                serde_json::Value::Object(fields.collect()).to_string()
            };
            let objects: Vec<_> = rows.iter().map(object).collect();
            let csv = written(&objects);
            let seen = read_pieces(&csv, sizes, &bounds(most, 60));
            prop_assert!(seen.error.is_none() && seen.bad().is_empty(), "{:?} {:?}", seen.error, seen.bad());
            prop_assert_eq!(written(&seen.values()), csv);
            let parsed = |all: &[String]| -> Vec<serde_json::Value> {
                all.iter().map(|one| serde_json::from_str(one).expect("it is JSON")).collect()
            };
            prop_assert_eq!(parsed(&seen.values()), parsed(&objects));
            // A row begins after the line feeds of the header and of the rows before it, those within quotes included.
            let mut line = 2;
            for (row, seen) in rows.iter().zip(seen.lines()) {
                prop_assert_eq!(seen, line);
                line += 1 + row.iter().map(|field| field.matches('\n').count() as u64).sum::<u64>();
            }
        }
    }

    #[test]
    fn a_row_is_an_object_of_strings() {
        let seen =
            read(b"\xef\xbb\xbfid,\"the \"\"name\"\"\"\r\n1,\"a \"\"b\"\"\"\r\n\r\n2,\"x\ny\"\n3,\\\t\x01\n", CSV);
        assert_eq!(
            seen.values(),
            [
                r#"{"id":"1","the \"name\"":"a \"b\""}"#,
                r#"{"id":"2","the \"name\"":"x\ny"}"#,
                r#"{"id":"3","the \"name\"":"\\\t\u0001"}"#,
            ]
        );
        assert_eq!(seen.lines(), [2, 4, 6], "a row stands where it begins");
        assert!(seen.bad().is_empty() && seen.error.is_none());
    }

    #[test]
    fn a_row_with_another_number_of_fields_is_bad_and_whole() {
        let seen = read(b"a,b\n1\n1,2\n1,2,3,4\n\"x\n\",\"y\",\n5,6", CSV);
        assert_eq!(seen.values(), [r#"{"a":"1","b":"2"}"#, r#"{"a":"5","b":"6"}"#]);
        assert_eq!(seen.lines(), [3, 7]);
        assert_eq!(
            seen.bad(),
            [
                (Some(2), "the row has 1 field, but the header names 2", b"1" as &[u8]),
                (Some(4), "the row has 4 fields, but the header names 2", b"1,2,3,4"),
                (Some(5), "the row has 3 fields, but the header names 2", b"\"x\n\",\"y\","),
            ]
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_bad_even_where_two_fields_make_a_character() {
        let seen = read(b"a,b\nx,\xff\n\xc3,\xa4\n\xc3\xa4,y\n", CSV);
        assert_eq!(seen.values(), ["{\"a\":\"\u{e4}\",\"b\":\"y\"}"]);
        let reasons: Vec<_> = seen.bad().into_iter().map(|(line, reason, _)| (line, reason)).collect();
        assert_eq!(reasons, [(Some(2), "field 2 is not UTF-8"), (Some(3), "field 1 is not UTF-8")]);
    }

    #[test]
    fn a_header_that_cannot_be_used_ends_the_source() {
        let error = read(b"a,b,a\n1,2,3\n", CSV).error.expect("the header is ambiguous");
        assert!(
            error.to_string().ends_with("input.txt\" names the column \"a\" more than once in its header"),
            "{error}"
        );
        assert!(read(b"a,\xff\n1,2\n", CSV).error.expect("no text").to_string().contains("field 2 is not UTF-8"));
        assert!(read(b"", CSV).error.is_none());
        assert!(read(b"a,b\n", CSV).chunks.is_empty());
    }

    fn named(header: bool, columns: &[&str]) -> SourceFormat {
        let columns = columns.iter().map(|&name| name.to_owned()).collect();
        SourceFormat::Csv(CsvDialect { header, columns, ..CsvDialect::default() })
    }

    /// "name them in `columns`" was the advice, and no source had it (issue 12).
    #[test]
    fn columns_can_be_named_in_place_of_the_header_or_without_one() {
        let data = b"a,,a\n1,2,3\n";
        let seen = read(data, named(true, &["x", "y", "z"]));
        assert_eq!(seen.values(), [r#"{"x":"1","y":"2","z":"3"}"#]);
        let seen = read(data, named(false, &["x", "y", "z"]));
        assert_eq!(seen.values(), [r#"{"x":"a","y":"","z":"a"}"#, r#"{"x":"1","y":"2","z":"3"}"#]);
        assert_eq!(seen.lines(), [1, 2]);
        let error = read(data, named(true, &["x", "y"])).error.expect("there are three columns");
        assert!(
            error.to_string().ends_with("has a header of 3 columns, but `columns` of the source names 2"),
            "{error}"
        );
        assert!(read(data, CSV).error.expect("`a` stands twice").hints()[0].contains("columns = ["));
    }

    #[test]
    fn a_header_that_is_not_well_quoted_or_has_too_many_columns_ends_the_source() {
        let error = read(b"a,\"b\"c\n1,2\n", CSV).error.expect("two readers would read two names");
        assert!(
            error.to_string().ends_with("has no usable header: text follows the closing quote of field 2"),
            "{error}"
        );
        let commas = [b"x".as_slice(), &b",".repeat(20_000), b"\n1\n"].concat();
        let error = read(&commas, CSV).error.expect("these are too many");
        assert!(error.to_string().ends_with("header of 20001 columns, more than the 16384 there may be"), "{error}");
    }

    #[test]
    fn rows_and_lines_that_were_checked_are_known_to_be_json() {
        let known = |data: &[u8], format| {
            let seen = read(data, format);
            seen.chunks.iter().map(|chunk| chunk.records.are_json_lines()).collect::<Vec<_>>()
        };
        assert_eq!(known(b"a\n1\n\"x\ny\"\n", CSV), [true]);
        assert_eq!(known(b"{\"a\": [1, 2]}\nnull\n", SourceFormat::JsonLines), [true]);
        // A carriage return between the parts is JSON, and two lines to some.
        assert_eq!(known(b"{\"a\":\r1}\n", SourceFormat::JsonLines), [false]);
        assert_eq!(known(b"{}\n", SourceFormat::Lines), [false]);
        assert_eq!(known(b"{}", SourceFormat::Files), [false]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_told_and_held_within_bounds() {
        let seen = read(b"a,b\n1,2\n3,\"open\n4,5\n", CSV);
        assert_eq!(seen.values().len(), 1);
        let (line, reason, data) = seen.bad()[0];
        assert_eq!((line, reason), (Some(3), "the quote that begins field 2 is never closed"));
        assert_eq!(data, b"3,\"open\n4,5\n");

        let endless = std::io::Cursor::new("a,b\n1,2\n3,\"").chain(std::io::repeat(b'x').take(100 << 20));
        let shape = shape(CSV, 1 << 16);
        let origin = Origin { name: "x".into(), eager: false };
        let seen = drain(StdinSource::of(&shape, Box::new(endless), origin), &bounds(10, 1000));
        let (line, reason, data) = seen.bad()[0];
        assert_eq!((line, data.len()), (Some(3), 1024));
        let expected = "the quote that begins field 2 is not closed within 65536 bytes; no row was found after it";
        assert_eq!(reason, expected);
    }

    #[test]
    fn a_row_of_many_fields_is_held_within_bounds_and_reading_goes_on() {
        let commas = std::io::repeat(b',').take(10 << 20);
        let input = std::io::Cursor::new("a,b\n").chain(commas).chain(std::io::Cursor::new("\n1,2\n"));
        let shape = shape(CSV, 1 << 16);
        let origin = Origin { name: "x".into(), eager: false };
        let seen = drain(StdinSource::of(&shape, Box::new(input), origin), &bounds(10, 1000));
        assert_eq!(seen.records(), [(String::new(), Some(3), r#"{"a":"1","b":"2"}"#.into())]);
        assert!(seen.bad()[0].1.starts_with("the row has 10485760 bytes"), "{}", seen.bad()[0].1);
    }

    #[test]
    fn a_row_that_no_longer_fits_a_chunk_begins_the_next() {
        let folder = folder(&[("a.csv", b"a\n1111\n2222\n333333333333333\n4\n")]);
        let seen = drain(open(&folder, "a.csv", CSV).unwrap(), &bounds(10, 24));
        let sizes: Vec<_> = seen.chunks.iter().map(|chunk| chunk.records.len()).collect();
        assert_eq!(sizes, [2, 1, 1]);
        assert_eq!(seen.lines(), [2, 3, 4, 5]);
    }
}

mod packed {
    use super::*;

    fn gzip(data: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        encoder.write_all(data).unwrap();
        encoder.finish().unwrap()
    }

    fn numbers() -> Vec<u8> {
        (0..50_000).flat_map(|n| format!("line {n} {}\n", n * 7919 % 10_007).into_bytes()).collect()
    }

    #[test]
    fn what_they_hold_is_read() {
        let plain = numbers();
        let (first, second) = plain.split_at(plain.len() / 2);
        let members = [gzip(first), gzip(second)].concat();
        let frames = [zstd::encode_all(first, 3).unwrap(), zstd::encode_all(second, 3).unwrap()].concat();
        let expected = read(&plain, SourceFormat::Lines).values();
        for (name, data) in [("a.log.gz", members), ("a.log.ZST", frames)] {
            let folder = folder(&[(name, &data)]);
            let source = open(&folder, name, SourceFormat::Lines).unwrap();
            let extent = source.extent();
            let seen = drain(source, &bounds(1000, 1 << 20));
            assert!(seen.error.is_none(), "{name}: {:?}", seen.error);
            assert_eq!(seen.values(), expected, "{name}");
            assert_eq!(extent, Extent::Bytes(seen.chunks.last().unwrap().position), "{name}");
        }
    }

    #[test]
    fn one_that_is_cut_off_gives_its_whole_records_and_then_an_error() {
        let plain = numbers();
        let expected = read(&plain, SourceFormat::Lines).values();
        for (name, data) in [("a.gz", gzip(&plain)), ("a.zst", zstd::encode_all(plain.as_slice(), 3).unwrap())] {
            let cut = data.len() * 2 / 3;
            let seen = read_named(name, &data[..cut], SourceFormat::Lines);
            let error = seen.error.as_ref().expect("it is cut off");
            assert_eq!(error.kind(), ErrorKind::Edge);
            assert!(
                error.to_string().contains(&format!("{name}\" is incomplete: it ends after {cut} bytes")),
                "{error}"
            );
            assert!(error.hints()[0].contains(" -t "), "{:?}", error.hints());
            let values = seen.values();
            assert!(values.len() > 1000, "{name}: only {} records", values.len());
            assert_eq!(values, expected[..values.len()], "{name}: no half record");
        }
    }

    #[test]
    fn one_that_is_damaged_or_no_such_file_at_all_is_told() {
        let mut damaged = gzip(&numbers());
        let middle = damaged.len() / 2;
        damaged[middle..middle + 64].fill(0xaa);
        let error = read_named("a.gz", &damaged, SourceFormat::Lines).error.expect("it is damaged");
        assert!(error.to_string().contains("a.gz\" cannot be unpacked: its gzip data is damaged"), "{error}");
        assert!(!error.causes().is_empty());
        assert!(read_named("a.gz", b"plain text\n", SourceFormat::Lines).error.is_some());
        assert!(read_named("a.zst", b"plain text\n", SourceFormat::Lines).error.is_some());
    }
}

mod whole_files {
    use super::*;

    #[test]
    fn each_is_a_record_whose_key_is_its_name_below_the_pattern() {
        let gz = {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(b"packed").unwrap();
            encoder.finish().unwrap()
        };
        let folder =
            folder(&[("in/b.png", b"B\n\0"), ("in/sub/a.png", b"A"), ("in/c.png.gz", &gz), ("in/empty.png", b"")]);
        let seen = drain(open(&folder, "in/**/*.png*", SourceFormat::Files).unwrap(), &bounds(10, 10));
        let keys: Vec<_> = seen.chunks.iter().map(|chunk| chunk.records.key(0).unwrap().to_vec()).collect();
        assert_eq!(keys, [b"b.png" as &[u8], b"c.png", b"empty.png", b"sub/a.png"]);
        assert_eq!(seen.values(), ["B\n\0", "packed", "", "A"]);
        assert!(seen.lines().is_empty());
        assert_eq!(seen.chunks[0].places.path.as_deref(), Some(folder.path().join("in/b.png").as_path()));

        let one = drain(open(&folder, "in/sub/a.png", SourceFormat::Files).unwrap(), &bounds(10, 10));
        assert_eq!(one.chunks[0].records.key(0), Some(b"a.png" as &[u8]));
    }

    #[test]
    fn one_that_is_too_large_is_bad() {
        let folder = folder(&[("big", &[b'x'; 3000])]);
        let pattern = folder.path().join("big").display().to_string();
        let seen = drain(FileSource::open(&plan(&[pattern], SourceFormat::Files, 2999)).unwrap(), &bounds(10, 10));
        assert_eq!(seen.bad()[0].1, "the file has more than the 2999 bytes that a record may have");
        assert_eq!(seen.bad()[0].2.len(), 1024);
    }
}

mod finding {
    use super::*;

    #[test]
    fn files_are_read_in_order_and_each_once() {
        let folder =
            folder(&[("b.log", b"b"), ("a.log", b"a"), (".hidden.log", b"h"), ("sub.log/x", b"x"), ("z[1].log", b"z")]);
        let all = folder.path().join("*.log").display().to_string();
        let special = folder.path().join("z[1].log").display().to_string();
        let seen = drain(FileSource::open(&plan(&[special, all], SourceFormat::Lines, 100)).unwrap(), &bounds(10, 10));
        assert_eq!(seen.values(), ["z", "a", "b"]);
    }

    #[test]
    fn a_missing_file_is_told_with_the_name_that_may_be_meant() {
        let folder = folder(&[("logs/access.log", b""), ("logs/other.txt", b""), ("none/.keep", b"")]);
        let error = refused(&folder, "logs/acess.log");
        assert!(error.to_string().starts_with("there is no file \""), "{error}");
        assert_eq!(error.hints(), [format!("did you mean \"{}\"?", folder.path().join("logs/access.log").display())]);
        assert!(refused(&folder, "logz/access.log").hints()[0].ends_with("/logs\"?"));
        assert!(refused(&folder, "xyzzy/access.log").hints()[0].starts_with("there is no folder \""));
        let error = refused(&folder, "logs/*.csv");
        assert!(error.to_string().starts_with("no file matches \""), "{error}");
        assert!(error.hints()[0].ends_with("/logs\" contains 2 other entries"), "{:?}", error.hints());
        assert!(refused(&folder, "none/*").to_string().starts_with("no file matches"));
    }

    #[test]
    fn what_is_no_file_is_told() {
        let folder = folder(&[("logs/access.log", b"")]);
        let error = refused(&folder, "logs");
        assert!(error.to_string().ends_with("/logs\" is a folder, not a file"), "{error}");
        assert!(error.hints()[0].ends_with("/logs/*\""), "{:?}", error.hints());
        assert!(refused(&folder, "logs/[a").to_string().contains("is not a pattern"));
        let error = FileSource::open(&plan(&["~/x.log".into()], SourceFormat::Lines, 1)).err().expect("no such file");
        assert!(error.hints()[0].contains("`~` is not expanded"), "{:?}", error.hints());
    }

    #[test]
    fn a_named_pipe_is_read_as_it_is_written() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        let mut source = open(&folder, "pipe", SourceFormat::Lines).unwrap();
        assert_eq!(source.extent(), Extent::Unknown);
        let (go, wait) = std::sync::mpsc::sync_channel(1);
        let writer = std::thread::spawn(move || {
            let mut pipe = fs::OpenOptions::new().write(true).open(path).unwrap();
            pipe.write_all(b"one\n").unwrap();
            wait.recv().unwrap();
            pipe.write_all(b"two").unwrap();
        });
        let bounds = bounds(10, 100);
        let first = source.pull(&bounds).unwrap().expect("a line");
        assert_eq!(first.records.value(0), Some(b"one" as &[u8]), "it comes before the second is written");
        go.send(()).unwrap();
        assert_eq!(source.pull(&bounds).unwrap().expect("a line").records.value(0), Some(b"two" as &[u8]));
        assert!(source.pull(&bounds).unwrap().is_none());
        writer.join().unwrap();
    }
}

mod standard_input {
    use super::*;

    /// Gives its parts one by one, and fails after the last.
    struct Parts(Vec<&'static [u8]>);

    impl Read for Parts {
        fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
            if self.0.is_empty() {
                return Err(std::io::Error::other("unplugged"));
            }
            let part = self.0.remove(0);
            room[..part.len()].copy_from_slice(part);
            Ok(part.len())
        }
    }

    #[test]
    fn records_go_out_when_the_writer_pauses_and_before_an_error() {
        for (format, parts) in [
            (SourceFormat::Lines, vec![b"a\nb" as &[u8], b"b\n", b"c\nd"]),
            (SourceFormat::JsonLines, vec![b"1\n2" as &[u8], b"2\n", b"3\n4"]),
            (CSV, vec![b"h\na\nb" as &[u8], b"b\n", b"c\nd"]),
        ] {
            let origin = Origin { name: "x".into(), eager: true };
            let source = StdinSource::of(&shape(format.clone(), 100), Box::new(Parts(parts)), origin);
            let seen = drain(source, &bounds(10, 100));
            let sizes: Vec<_> = seen.chunks.iter().map(|chunk| chunk.records.len()).collect();
            assert_eq!(sizes, [1, 1, 1], "{format:?}");
            assert_eq!(seen.error.expect("the input fails").causes(), ["unplugged"]);
        }
    }

    #[test]
    fn it_is_no_file() {
        let source = kind::StdinSource { format: SourceFormat::Files, record_bytes_max: NonZeroUsize::MIN };
        assert_eq!(StdinSource::open(&source).err().map(|error| error.kind()), Some(ErrorKind::Config));
    }
}

mod truncated {
    use super::*;

    /// The beginning of a line was taken for a whole one, and the run "completed" (12).
    #[test]
    fn a_file_that_is_cut_while_it_is_read_is_an_error_and_gives_no_half_line() {
        let text: String = (0..200_000).map(|number| format!("line {number}\n")).collect();
        let folder = folder(&[("a.log", text.as_bytes())]);
        let path = folder.path().join("a.log");
        let mut source = open(&folder, "a.log", SourceFormat::Lines).unwrap();
        assert!(source.pull(&bounds(10, 1000)).unwrap().is_some());
        fs::File::options().write(true).open(&path).unwrap().set_len(1_000_003).unwrap();
        let seen = drain(source, &bounds(10_000, 1 << 20));
        let error = seen.error.as_ref().expect("it was cut");
        assert!(error.causes()[0].contains("and was truncated to 1000003 while it was read"), "{:?}", error.causes());
        assert!(seen.values().iter().eq(text.lines().skip(10).take(seen.values().len())), "only whole lines");
        assert!(seen.values().len() > 50_000);
    }

    #[test]
    fn a_file_that_grows_while_it_is_read_is_no_error() {
        let folder = folder(&[("a.log", b"1\n2\n")]);
        let mut source = open(&folder, "a.log", SourceFormat::Lines).unwrap();
        assert!(source.pull(&bounds(1, 1000)).unwrap().is_some());
        let mut file = fs::File::options().append(true).open(folder.path().join("a.log")).unwrap();
        file.write_all(b"3\n").unwrap();
        let seen = drain(source, &bounds(10, 1000));
        assert!(seen.error.is_none() && seen.values().starts_with(&["2".to_owned()]), "{:?}", seen.values());
    }
}
