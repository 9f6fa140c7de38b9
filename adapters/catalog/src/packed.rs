//! The bytes of a file, out of what it is packed in: gzip, a zip with one file in it, or nothing.
//!
//! Enters: a path. Leaves: a stream of bytes. Invariants: memory is bounded whatever was packed; what is cut off
//! or does not match its checksum is an error at its end, never a short file; a line has an end within
//! [`LINE_BYTES_MAX`]. Deliberately absent: archives of several files, passwords.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::bufread::{DeflateDecoder, MultiGzDecoder};
use flate2::{Crc, CrcReader};
use zip::{CompressionMethod, ZipArchive};

use crate::error::CatalogError;

const BUFFER_BYTES: usize = 256 * 1024;
/// How files begin.
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZIP: &[u8] = b"PK";
/// The longest line that is read: some thousand levels of a book and more.
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Opens a file, however it is packed.
pub(crate) fn open(path: &Path) -> Result<Box<dyn BufRead + Send>, CatalogError> {
    let refuse = |e| CatalogError::io(path, e);
    let mut file = BufReader::with_capacity(BUFFER_BYTES, File::open(path).map_err(refuse)?);
    let begins = file.fill_buf().map_err(refuse)?;
    let bytes: Box<dyn Read + Send> = if begins.starts_with(GZIP) {
        Box::new(MultiGzDecoder::new(file))
    } else if begins.starts_with(ZIP) {
        Box::new(only_entry(path, file)?)
    } else {
        Box::new(file)
    };
    Ok(Box::new(BufReader::with_capacity(BUFFER_BYTES, Lined { bytes, since_line: 0 })))
}

/// The one file of a zip.
fn only_entry(path: &Path, mut file: BufReader<File>) -> Result<Checked, CatalogError> {
    let refuse = |problem: &str| CatalogError::format(path, problem);
    let damaged = |e: zip::result::ZipError| refuse(&format!("it is not a readable zip: {e}"));
    let mut archive = ZipArchive::new(&mut file).map_err(damaged)?;
    let mut found = Vec::new();
    for at in 0..archive.len() {
        let entry = archive.by_index_raw(at).map_err(damaged)?;
        if !entry.is_dir() && !is_clutter(entry.name_raw()) {
            found.push(at);
        }
    }
    let [at] = found.as_slice() else {
        return Err(refuse(&format!("it holds {} files, expected one; unpack it", found.len())));
    };
    let entry = archive.by_index_raw(*at).map_err(damaged)?;
    if entry.encrypted() {
        return Err(refuse("its file has a password; unpack it"));
    }
    let (method, packed, size, sum) = (entry.compression(), entry.compressed_size(), entry.size(), entry.crc32());
    let start = entry.data_start().ok_or_else(|| refuse("its file has no beginning"))?;
    drop(entry);
    drop(archive);
    file.seek(SeekFrom::Start(start)).map_err(|e| CatalogError::io(path, e))?;
    let raw = file.take(packed);
    let bytes: Box<dyn Read + Send> = match method {
        CompressionMethod::Stored => Box::new(raw),
        CompressionMethod::DEFLATE => Box::new(DeflateDecoder::new(raw)),
        other => return Err(refuse(&format!("its file is packed by {other}, expected deflate; unpack it"))),
    };
    Ok(Checked { bytes: CrcReader::new(bytes), size, sum })
}

/// What some systems add to a zip.
fn is_clutter(name: &[u8]) -> bool {
    name.starts_with(b"__MACOSX/") || name.ends_with(b".CHECKSUM")
}

/// The bytes of a zip's file, whose length and checksum are known.
struct Checked {
    bytes: CrcReader<Box<dyn Read + Send>>,
    size: u64,
    sum: u32,
}

impl Read for Checked {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(out)?;
        let crc: &Crc = self.bytes.crc();
        // The checksum counts bytes in 32 bits, as the format of gzip does.
        if read == 0 && !out.is_empty() && (crc.sum() != self.sum || crc.amount() != self.size as u32) {
            let problem = format!("the zip is damaged: {} bytes unpacked, {} expected", crc.amount(), self.size);
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        Ok(read)
    }
}

/// Bytes that must have the end of a line now and then: whoever reads lines holds one of them.
struct Lined<R> {
    bytes: R,
    since_line: usize,
}

impl<R: Read> Read for Lined<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = self.bytes.read(out)?;
        let got = out.get(..read).unwrap_or_default();
        match got.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => self.since_line = read - end - 1,
            None => self.since_line += read,
        }
        if self.since_line > LINE_BYTES_MAX {
            let problem = format!("a line is longer than {LINE_BYTES_MAX} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, problem));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;
    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut out = ZipWriter::new(io::Cursor::new(Vec::new()));
        for (name, bytes) in files {
            out.start_file(*name, SimpleFileOptions::default().compression_method(CompressionMethod::DEFLATE)).unwrap();
            out.write_all(bytes).unwrap();
        }
        out.finish().unwrap().into_inner()
    }

    /// What is unpacked of a file of these bytes, or why nothing is.
    fn unpacked(bytes: &[u8]) -> Result<Vec<u8>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, bytes).unwrap();
        let mut out = Vec::new();
        open(&path).map_err(|e| e.to_string())?.read_to_end(&mut out).map_err(|e| e.to_string())?;
        Ok(out)
    }

    #[test]
    fn a_file_is_the_same_however_it_is_packed() {
        let text = b"a,b\n1,2\n".as_slice();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(text).unwrap();
        let members =
            [gzip.finish().unwrap(), { GzEncoder::new(Vec::new(), Compression::default()).finish().unwrap() }];
        assert_eq!(unpacked(text).unwrap(), text);
        assert_eq!(unpacked(&members.concat()).unwrap(), text);
        assert_eq!(unpacked(&zipped(&[("x.csv", text), ("__MACOSX/._x.csv", b"rubbish")])).unwrap(), text);
        assert_eq!(unpacked(b"").unwrap(), b"");
    }

    #[test]
    fn what_is_damaged_is_an_error_and_not_a_short_file() {
        let text: Vec<u8> = (0..20_000_u32).flat_map(|n| format!("{n}\n").into_bytes()).collect();
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&text).unwrap();
        let gzip = gzip.finish().unwrap();
        unpacked(&gzip[..gzip.len() - 9]).unwrap_err();
        let zip = zipped(&[("x.csv", &text)]);
        unpacked(&zip[..zip.len() / 2]).unwrap_err();
        // One bit of what is packed: whatever comes of it, it does not pass.
        for at in [60, 1_000, 5_000] {
            let mut bent = zip.clone();
            bent[at] ^= 4;
            unpacked(&bent).unwrap_err();
        }
        let two = unpacked(&zipped(&[("a.csv", &text), ("b.csv", &text)])).unwrap_err();
        assert!(two.contains("2 files, expected one"), "{two}");
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let bomb = zipped(&[("x.csv", &vec![b'0'; LINE_BYTES_MAX * 3])]);
        assert!(bomb.len() < LINE_BYTES_MAX / 100);
        let problem = unpacked(&bomb).unwrap_err();
        assert!(problem.contains("a line is longer"), "{problem}");
    }
}
