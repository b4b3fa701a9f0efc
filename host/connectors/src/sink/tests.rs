//! Files, folders and standard output as a run leaves them, and every way in which they can refuse.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::blocking::BlockingSink;
use super::stdout::StdoutSink;
use crate::tests::records;
use crate::{CsvFormat, FileSink, FolderSink, IfExists, LineFormat};
use sandmill_engine::edge::{Header, Records, Rejected, Sink};
use sandmill_engine::error::{Error, ErrorKind, Result};
use sandmill_engine::record::Payload;

const CSV: LineFormat = LineFormat::Csv(CsvFormat { delimiter: b',' });

fn file(path: &Path, format: LineFormat, if_exists: IfExists) -> Result<Box<dyn Sink>> {
    super::file(FileSink { path: path.to_owned(), format, if_exists }, false)
}

/// Writes some batches to a file and ends; gives what was rejected.
async fn write(path: &Path, format: LineFormat, if_exists: IfExists, batches: &[Payload]) -> Vec<Rejected> {
    let mut sink = file(path, format, if_exists).expect("it can be opened");
    let mut rejected = Vec::new();
    for batch in batches {
        rejected.extend(sink.write(&Records::from(batch)).await.expect("it can be written"));
    }
    sink.finish().await.expect("it can be closed");
    rejected
}

/// A file that holds `data`, and its folder.
fn holding(data: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out");
    fs::write(&path, data).unwrap();
    (folder, path)
}

fn refused(opened: Result<Box<dyn Sink>>) -> Error {
    opened.err().expect("it cannot be opened")
}

mod file {
    use super::*;

    #[tokio::test]
    async fn a_batch_is_with_the_system_when_the_write_returns() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/folder/out.log");
        let mut sink = file(&path, LineFormat::Lines, IfExists::Fail).unwrap();
        assert!(!path.parent().unwrap().exists(), "opening changes nothing");
        assert!(sink.write(&Records::from(&records(&["a", "", "b"]))).await.unwrap().is_empty());
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\n\nb\n");
        sink.write(&Records::from(&records(&["c"]))).await.unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\n\nb\nc\n");
        sink.finish().await.unwrap();
    }

    #[tokio::test]
    async fn what_is_there_is_replaced_at_the_first_write_or_at_the_end() {
        let (_folder, path) = holding("old");
        let mut sink = file(&path, LineFormat::Lines, IfExists::Replace).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        sink.finish().await.unwrap();
        drop(sink);
        assert_eq!(fs::read_to_string(&path).unwrap(), "", "an empty run leaves an empty file");
        write(&path, LineFormat::Lines, IfExists::Replace, &[records(&["new"])]).await;
        assert_eq!(fs::read_to_string(&path).unwrap(), "new\n");
    }

    #[tokio::test]
    async fn what_is_there_is_added_to_on_a_line_of_its_own() {
        let (_folder, path) = holding("old");
        write(&path, LineFormat::Lines, IfExists::Append, &[]).await;
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\n");
        write(&path, LineFormat::Lines, IfExists::Append, &[records(&["a"]), records(&["b"])]).await;
        assert_eq!(fs::read_to_string(&path).unwrap(), "old\na\nb\n");
    }

    #[tokio::test]
    async fn what_is_there_is_refused_also_when_it_came_meanwhile() {
        let (folder, path) = holding("old");
        let error = refused(file(&path, LineFormat::Lines, IfExists::Fail));
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.to_string().ends_with("out\" already exists"), "{error}");
        let late = folder.path().join("late");
        let mut sink = file(&late, LineFormat::Lines, IfExists::Fail).unwrap();
        fs::write(&late, "somebody else's").unwrap();
        assert!(sink.write(&Records::from(&records(&["a"]))).await.is_err());
        assert_eq!(fs::read_to_string(&late).unwrap(), "somebody else's");
    }

    #[test]
    fn a_path_that_cannot_be_written_is_found_when_it_is_opened() {
        let (folder, path) = holding("");
        let error = refused(file(folder.path(), LineFormat::Lines, IfExists::Replace));
        assert_eq!((error.kind(), error.hints().len()), (ErrorKind::Config, 1));
        let error = refused(file(&path.join("below/a/file"), LineFormat::Lines, IfExists::Replace));
        assert_eq!(error.hints(), ["a part of the path is a file, not a folder"]);
    }

    #[tokio::test]
    async fn a_full_disk_is_told_with_a_hint() {
        let mut sink = file(Path::new("/dev/full"), LineFormat::Lines, IfExists::Replace).unwrap();
        let error = sink.write(&Records::from(&records(&["a"]))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Edge);
        assert_eq!(error.to_string(), "cannot write \"/dev/full\"");
        assert_eq!(error.hints(), ["the disk is full: make room, or write elsewhere"]);
        assert!(!error.is_broken_pipe());
    }

    /// The half line was ended, and became a record (12).
    #[tokio::test]
    async fn half_a_line_of_a_run_that_was_killed_is_cut_off_and_that_of_anybody_else_is_kept() {
        let (_folder, path) = holding("theirs\n");
        let append = IfExists::Append;
        let mut killed = file(&path, LineFormat::Lines, append).unwrap();
        killed.write(&Records::from(&records(&["whole"]))).await.unwrap();
        drop(killed);
        let torn =
            |text: &str| fs::File::options().append(true).open(&path).unwrap().write_all(text.as_bytes()).unwrap();
        torn("hal");
        write(&path, LineFormat::Lines, append, &[records(&["next"])]).await;
        let cut = fs::read_to_string(&path).unwrap();
        // Where the file system has no attributes, nobody knows whose line it is.
        assert!(cut == "theirs\nwhole\nnext\n" || cut == "theirs\nwhole\nhal\nnext\n", "{cut}");
        torn("theirs");
        write(&path, LineFormat::Lines, append, &[records(&["last"])]).await;
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{cut}theirs\nlast\n"));
    }

    /// Both wrote, and each replaced what the other had written (12).
    #[tokio::test]
    async fn a_file_has_one_writer_at_a_time() {
        let (folder, path) = holding("old");
        let first = file(&path, LineFormat::Lines, IfExists::Append).unwrap();
        let error = refused(file(&path, LineFormat::Lines, IfExists::Replace));
        assert!(error.to_string().starts_with("another run is writing to \""), "{error}");
        drop(first);
        let late = folder.path().join("late");
        let mut first = file(&late, LineFormat::Lines, IfExists::Replace).unwrap();
        let mut second = file(&late, LineFormat::Lines, IfExists::Replace).unwrap();
        first.write(&Records::from(&records(&["first"]))).await.unwrap();
        let error = second.write(&Records::from(&records(&["second"]))).await.unwrap_err();
        assert!(error.to_string().starts_with("another run is writing to \""), "{error}");
        assert_eq!(fs::read_to_string(&late).unwrap(), "first\n");
    }

    #[tokio::test]
    async fn a_file_that_appears_after_it_was_looked_for_is_not_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut sink = file(&path, LineFormat::Lines, IfExists::Replace).unwrap();
        fs::write(&path, "somebody else's").unwrap();
        let error = sink.write(&Records::from(&records(&["a"]))).await.unwrap_err();
        assert!(error.to_string().ends_with("was created after the run was prepared, and is not empty"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "somebody else's");
    }

    #[tokio::test]
    async fn a_line_feed_in_a_record_would_make_two_of_it() {
        let (_folder, path) = holding("");
        let rejected = write(&path, LineFormat::Lines, IfExists::Replace, &[records(&["a", "b\nc", "d\n", "e"])]).await;
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\ne\n");
        assert_eq!(rejected.iter().map(|rejected| rejected.index).collect::<Vec<_>>(), [1, 2]);
        assert!(rejected[0].reason.starts_with("there is a line feed at byte 2 of the record"), "{rejected:?}");
    }
}

mod json_lines {
    use super::*;

    #[tokio::test]
    async fn a_value_is_written_as_it_is_on_one_line() {
        let (_folder, path) = holding("");
        let pretty = "{\n  \"a b\": [1, 2.50],\r\n\t\"c\\\"\\\\\": \" \\n \"\n}";
        let batch = records(&["{ \"n\": 1e400 }", pretty, "", "{", "1 2", "\"\u{e4}\""]);
        let rejected = write(&path, LineFormat::JsonLines, IfExists::Replace, &[batch]).await;
        let expected = "{ \"n\": 1e400 }\n{\"a b\":[1,2.50],\"c\\\"\\\\\":\" \\n \"}\n\"\u{e4}\"\n";
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        let reasons: Vec<_> = rejected.iter().map(|rejected| (rejected.index, rejected.reason.as_str())).collect();
        assert_eq!(
            reasons,
            [
                (2, "not JSON: EOF while parsing a value"),
                (3, "not JSON: EOF while parsing an object at column 1"),
                (4, "not JSON: trailing characters at column 3"),
            ]
        );
    }

    /// Checking again what our own source has made was a quarter of the time (issue 12).
    #[tokio::test]
    async fn what_is_known_to_be_json_is_not_checked_again_and_everything_else_is() {
        let (_folder, path) = holding("");
        // Not JSON, so that it shows.
        let mut known = records(&["?"]);
        known.vouch_for_json_lines();
        let mut changed = known.clone();
        changed.push(None, b"{}");
        let rejected = write(&path, LineFormat::JsonLines, IfExists::Replace, &[known, changed]).await;
        assert_eq!(fs::read_to_string(&path).unwrap(), "?\n{}\n");
        assert_eq!(rejected.iter().map(|rejected| rejected.index).collect::<Vec<_>>(), [0]);
    }

    #[tokio::test]
    async fn bytes_that_are_no_text_are_rejected() {
        let (_folder, path) = holding("");
        let rejected =
            write(&path, LineFormat::JsonLines, IfExists::Replace, &[records(&[b"\"\xff\"" as &[u8]])]).await;
        assert_eq!(rejected[0].reason, "not UTF-8: the byte at column 2 does not begin a character");
    }
}

mod csv {
    use super::*;

    #[tokio::test]
    async fn the_first_record_names_the_columns() {
        let (_folder, path) = holding("");
        let first = records(&["[1]", r#"{"id":1,"name":"a \"b\", c","x":null}"#]);
        let second = records(&[
            r#"{"x":{"y": [1, 2]},"id":-2.50}"#,
            r#"{"name":"l1\nl2","id":true,"id":false}"#,
            r#"{"id":1,"y":2}"#,
            "{}",
        ]);
        let rejected = write(&path, CSV, IfExists::Replace, &[first, second]).await;
        let expected = "id,name,x\n1,\"a \"\"b\"\", c\",\n-2.50,,\"{\"\"y\"\":[1,2]}\"\nfalse,\"l1\nl2\",\n,,\n";
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        let reasons: Vec<_> = rejected.iter().map(|rejected| (rejected.index, rejected.reason.as_str())).collect();
        assert_eq!(
            reasons,
            [
                (0, "not a JSON object: only an object has fields"),
                (2, "the field \"y\" is not in the header (id, name, x)"),
            ]
        );
    }

    /// A file that is a header only lost it on its way (issue 12).
    #[tokio::test]
    async fn the_columns_of_the_source_are_written_where_there_is_no_record() {
        let header = Header::default();
        let run = async |path: &Path, if_exists, batches: &[Payload]| {
            let mut sink = file(path, CSV, if_exists).expect("it can be opened");
            // As in a run that keeps checkpoints: the sink is on its thread by then.
            sink.mark().await.expect("nothing is written yet");
            sink.expect_header(&header);
            for batch in batches {
                sink.write(&Records::from(batch)).await.expect("it can be written");
            }
            sink.finish().await.expect("it can be closed");
            fs::read_to_string(path).expect("it is text")
        };
        let (_folder, path) = holding("old");
        assert_eq!(run(&path, IfExists::Replace, &[]).await, "", "the source has not begun");
        header.set(vec!["a".to_owned(), "b, c".to_owned()]);
        assert_eq!(run(&path, IfExists::Replace, &[]).await, "a,\"b, c\"\n");
        assert_eq!(run(&path, IfExists::Append, &[]).await, "a,\"b, c\"\n", "it has one");
        assert_eq!(run(&path, IfExists::Replace, &[records(&["[1]"])]).await, "a,\"b, c\"\n");
        assert_eq!(run(&path, IfExists::Replace, &[records(&[r#"{"x":1}"#])]).await, "x\n1\n");
    }

    /// It took a scan of all columns for each field, and half a minute for such a record (issue 12).
    #[tokio::test]
    async fn a_record_of_very_many_fields_is_refused_by_itself() {
        let object = |fields: usize, first: usize| {
            let fields: Vec<_> =
                (0..fields).map(|field| format!("\"f{}\":{field}", (field + first) % fields)).collect();
            format!("{{{}}}", fields.join(","))
        };
        let (_folder, path) = holding("");
        let batch = records(&[object(16_384, 0), object(100_000, 0), object(16_384, 1), object(16_385, 0)]);
        let rejected = write(&path, CSV, IfExists::Replace, &[batch, records(&[r#"{"x":1}"#])]).await;
        let written = fs::read_to_string(&path).unwrap();
        assert_eq!(written.lines().map(|line| line.split(',').count()).collect::<Vec<_>>(), [16_384; 3]);
        assert!(written.ends_with(",16381,16382\n") && written.contains("\n16383,0,1,"), "fields find their columns");
        assert_eq!(rejected.iter().map(|rejected| rejected.index).collect::<Vec<_>>(), [1, 3, 0]);
        assert!(rejected[0].reason.contains("more than 16384 fields"), "{}", rejected[0].reason);
        assert!(rejected[2].reason.len() < 300 && rejected[2].reason.ends_with("f19 and 16364 more)"), "{rejected:?}");
    }

    #[tokio::test]
    async fn rows_are_added_under_the_header_that_is_there() {
        let (_folder, path) = holding("\u{feff}b,a\n1,2");
        let rejected = write(&path, CSV, IfExists::Append, &[records(&[r#"{"a":"x"}"#, r#"{"c":1}"#])]).await;
        assert_eq!(fs::read_to_string(&path).unwrap(), "\u{feff}b,a\n1,2\n,x\n");
        assert_eq!(rejected[0].reason, "the field \"c\" is not in the header (b, a)");

        let (_folder, path) = holding("");
        write(&path, CSV, IfExists::Append, &[records(&[r#"{"a":""}"#])]).await;
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\n\"\"\n", "a blank line would be no row");

        let (_folder, path) = holding("a,a\n");
        let error = refused(file(&path, CSV, IfExists::Append));
        assert!(error.to_string().contains("names the column \"a\" more than once"), "{error}");
    }
}

mod standard_output {
    use super::*;

    #[test]
    fn a_reader_that_is_gone_is_recognised() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut sink = StdoutSink::to(writer, LineFormat::Lines);
        let error = sink.write(&records(&["a"])).unwrap_err();
        assert!(error.is_broken_pipe());
        assert_eq!(error.kind(), ErrorKind::Edge);
        assert!(!Error::edge("other").caused_by(io::Error::other("x")).is_broken_pipe());
    }

    #[test]
    fn nothing_is_left_in_a_buffer() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut sink = StdoutSink::to(io::LineWriter::new(writer), LineFormat::Lines);
        sink.write(&records(&["a", "b"])).unwrap();
        let mut read = [0; 4];
        reader.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"a\nb\n");
    }
}

mod folder {
    use super::*;

    fn keyed(records: &[(&str, &str)]) -> Payload {
        let mut payload = Payload::default();
        for (key, value) in records {
            payload.push(Some(key.as_bytes()), value.as_bytes());
        }
        payload
    }

    async fn write(path: &Path, batch: &Payload) -> Vec<Rejected> {
        let mut sink = crate::sink::folder(FolderSink { path: path.to_owned() }).unwrap();
        let rejected = sink.write(&Records::from(batch)).await.unwrap();
        sink.finish().await.unwrap();
        rejected
    }

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[tokio::test]
    async fn each_record_is_a_file_named_by_its_key() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("new/out");
        let batch = keyed(&[("a.txt", "A"), ("sub/b.txt", "B"), ("sub/deep/c", ""), ("a.txt", "A2"), ("d", "D")]);
        let batch = batch.select([0, 1, 2, 4]);
        assert!(write(&path, &batch).await.is_empty());
        assert_eq!(names(&path), ["a.txt", "d", "sub"], "and nothing unfinished");
        assert_eq!(names(&path.join("sub")), ["b.txt", "deep"]);
        assert_eq!(fs::read_to_string(path.join("a.txt")).unwrap(), "A");
        assert_eq!(fs::read_to_string(path.join("sub/deep/c")).unwrap(), "");
        assert!(write(&path, &keyed(&[("a.txt", "A2")])).await.is_empty());
        assert_eq!(fs::read_to_string(path.join("a.txt")).unwrap(), "A2", "another run replaces it");
    }

    /// Both were "delivered", and one file was left (12).
    #[tokio::test]
    async fn a_second_record_of_a_key_is_rejected() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("out");
        let mut sink = crate::sink::folder(FolderSink { path: path.clone() }).unwrap();
        let rejected = sink.write(&Records::from(&keyed(&[("a", "1"), ("b", "1"), ("a", "2")]))).await.unwrap();
        assert_eq!(rejected.iter().map(|rejected| rejected.index).collect::<Vec<_>>(), [2]);
        assert!(rejected[0].reason.contains("\"a\" is that of an earlier record of this run"), "{rejected:?}");
        assert_eq!(sink.write(&Records::from(&keyed(&[("b", "2")]))).await.unwrap().len(), 1, "in a later batch, too");
        assert_eq!(fs::read_to_string(path.join("a")).unwrap(), "1");
    }

    /// What a killed run had not finished stayed for ever (12).
    #[tokio::test]
    async fn what_a_run_that_was_killed_has_left_is_removed_by_the_next_one() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(".sandmill-partial"), "hal").unwrap();
        let mut sink = crate::sink::folder(FolderSink { path: root.path().to_owned() }).unwrap();
        assert_eq!(names(root.path()), [".sandmill-partial"], "opening changes nothing");
        sink.finish().await.unwrap();
        assert!(names(root.path()).is_empty());
    }

    #[tokio::test]
    async fn a_folder_has_one_writer_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        let open = || crate::sink::folder(FolderSink { path: root.path().to_owned() });
        let first = open().unwrap();
        assert!(refused(open()).to_string().starts_with("another run is writing to \""));
        drop(first);
        assert!(open().is_ok());
    }

    #[tokio::test]
    async fn a_key_that_leads_out_of_the_folder_is_rejected() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("out");
        let outside = root.path().join("outside").display().to_string();
        let batch = keyed(&[("../outside", "x"), ("a/../../outside", "x"), (&outside, "x"), ("ok", "y"), ("", "x")]);
        let rejected = write(&path, &batch).await;
        assert_eq!(rejected.iter().map(|rejected| rejected.index).collect::<Vec<_>>(), [0, 1, 2, 4]);
        assert_eq!(names(root.path()), ["out"]);
        assert_eq!(names(&path), ["ok"]);
        let rejected = write(&path, &records(&["no key"])).await;
        assert_eq!(rejected[0].reason, "the record has no key to name its file: let a stage set one");
    }

    #[tokio::test]
    async fn no_symbolic_link_is_followed() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        let (path, outside) = (root.path().join("out"), root.path().join("outside"));
        fs::create_dir_all(&path).unwrap();
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("secret"), "untouched").unwrap();
        symlink(&outside, path.join("link")).unwrap();
        symlink("..", path.join("up")).unwrap();
        symlink(outside.join("secret"), path.join("file")).unwrap();
        symlink(outside.join("new"), path.join(".sandmill-partial")).unwrap();
        let rejected =
            write(&path, &keyed(&[("link/secret", "x"), ("up/x", "x"), ("link/a/b", "x"), ("file", "new")])).await;
        assert_eq!(rejected.iter().map(|rejected| rejected.index).collect::<Vec<_>>(), [0, 1, 2]);
        assert!(rejected[0].reason.contains("is a symbolic link"), "{rejected:?}");
        assert_eq!(names(&outside), ["secret"]);
        assert_eq!(fs::read_to_string(outside.join("secret")).unwrap(), "untouched");
        assert!(!path.join("file").is_symlink(), "the link itself is replaced");
        assert_eq!(fs::read_to_string(path.join("file")).unwrap(), "new");
    }

    #[tokio::test]
    async fn a_key_that_collides_with_what_is_there_harms_no_other() {
        let root = tempfile::tempdir().unwrap();
        let long = "x".repeat(300);
        let batch = keyed(&[("a", "A"), ("a/b", "x"), ("d/e", "E"), ("d", "x"), (&long, "x"), ("z", "Z")]);
        let rejected = write(root.path(), &batch).await;
        let reasons: Vec<_> = rejected.iter().map(|rejected| rejected.reason.as_str()).collect();
        assert_eq!(rejected.iter().map(|rejected| rejected.index).collect::<Vec<_>>(), [1, 3, 4]);
        assert!(reasons[0].contains("\"a/b\" leads through something that is not a folder"), "{reasons:?}");
        assert!(reasons[1].contains("is the name of a folder"), "{reasons:?}");
        assert!(reasons[2].contains("is too long"), "{reasons:?}");
        assert_eq!(names(root.path()), ["a", "d", "z"]);
    }

    #[tokio::test]
    async fn an_empty_run_leaves_an_empty_folder_and_a_file_is_none() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("out");
        let mut sink = crate::sink::folder(FolderSink { path: path.clone() }).unwrap();
        assert!(!path.exists(), "opening changes nothing");
        sink.finish().await.unwrap();
        assert!(names(&path).is_empty());
        fs::write(root.path().join("file"), "").unwrap();
        let error = refused(crate::sink::folder(FolderSink { path: root.path().join("file") }));
        assert_eq!(error.kind(), ErrorKind::Config);
    }
}

mod blocking {
    use std::time::Duration;

    use super::super::blocking::Blocking;
    use super::*;

    #[tokio::test]
    async fn null_takes_everything() {
        let mut sink = crate::sink::null();
        assert!(sink.write(&Records::from(&records(&["a"]))).await.unwrap().is_empty());
        sink.finish().await.unwrap();
    }

    #[test]
    fn a_stopped_run_does_not_wait_for_a_write_that_never_returns() {
        let (done, ended) = std::sync::mpsc::sync_channel(1);
        let (reader, mut writer) = io::pipe().unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let full = vec![b'x'; 1 << 20];
                writer.write_all(b"x").unwrap();
                let mut sink = Blocking::new(StdoutSink::to(writer, LineFormat::Lines));
                let batch = records(&[full]);
                let written = tokio::time::timeout(Duration::from_millis(20), sink.write(&Records::from(&batch))).await;
                assert!(written.is_err(), "nobody reads the pipe");
            });
            drop(runtime);
            done.send(()).unwrap();
        });
        ended.recv_timeout(Duration::from_secs(10)).expect("neither the run nor its runtime waits for the write");
        drop(reader);
    }

    #[tokio::test]
    async fn the_failure_of_a_write_that_was_dropped_is_not_lost() {
        struct Slow(std::sync::mpsc::Receiver<()>);
        impl BlockingSink for Slow {
            fn write(&mut self, _: &Payload) -> Result<Vec<Rejected>> {
                self.0.recv().expect("released by the test");
                Err(Error::edge("too late"))
            }
            fn finish(&mut self) -> Result<()> {
                Ok(())
            }
        }
        let (release, wait) = std::sync::mpsc::sync_channel(1);
        let mut sink = Blocking::new(Slow(wait));
        let batch = records(&["a"]);
        assert!(tokio::time::timeout(Duration::from_millis(20), sink.write(&Records::from(&batch))).await.is_err());
        release.send(()).unwrap();
        assert_eq!(sink.finish().await.unwrap_err().to_string(), "too late");
        assert!(sink.finish().await.is_ok());
    }
}
