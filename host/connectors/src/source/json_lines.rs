//! The check that each line is one JSON value. It is made where a chunk is taken, so that the thread that reads does nothing
//! but read.

use crate::format::json::{self, Checked};
use crate::source::records::ChunkBuilder;
use sandmill_engine::edge::Chunk;

/// Checks the lines of a chunk. Blank ones are left out, and those that are not JSON become bad records at their places.
pub(super) fn check(mut chunk: Chunk) -> Chunk {
    let is_json_line = |line| matches!(json::check(line), Ok(Checked::Line));
    let first = chunk.records.values().iter().position(|line| !is_json_line(line));
    match first {
        None => {
            chunk.records.vouch_for_json_lines();
            chunk
        }
        Some(first) => sort_out(chunk, first),
    }
}

/// Builds the chunk again. The lines before the `first` are known to be JSON.
fn sort_out(chunk: Chunk, first: usize) -> Chunk {
    let Chunk { records, places, bad, position, cursor } = chunk;
    let mut builder = ChunkBuilder::without_bounds(places.path.clone(), records.len(), records.bytes());
    let mut bad = places.gaps.iter().zip(bad).peekable();
    for (row, line) in (0_u32..).zip(records.values().iter()) {
        while let Some((_, record)) = bad.next_if(|(gap, _)| **gap <= row) {
            builder.push_bad_record(record);
        }
        let number = places.lines.of(row);
        if (row as usize) < first {
            builder.push_json(number.unwrap_or_default(), line);
        } else {
            sort(&mut builder, number, line);
        }
    }
    bad.for_each(|(_, record)| builder.push_bad_record(record));
    builder.into_chunk(position, cursor)
}

fn sort(builder: &mut ChunkBuilder, number: Option<u64>, line: &[u8]) {
    if line.iter().all(u8::is_ascii_whitespace) {
        return;
    }
    match json::check(line) {
        Ok(Checked::Line) => builder.push_json(number.unwrap_or_default(), line),
        Ok(Checked::Lines(_)) => builder.push(number.unwrap_or_default(), line),
        Err(reason) => builder.push_bad(number, line.to_vec(), reason),
    }
}
