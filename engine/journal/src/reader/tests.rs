use proptest::prelude::*;
use tapedeck_model::RuleIx;

use super::*;
use crate::arbitrary::{events, fixed_events};
use crate::codec::append;
use crate::encoder::Encoder;
use crate::frame::RawFrame;
use crate::sealer::Sealer;

/// A journal of small frames.
struct Sealed {
    bytes: Vec<u8>,
    fingerprint: Fingerprint,
    records: Vec<Record>,
}

fn seal(events: Vec<Event>, limit: usize) -> Sealed {
    let (mut encoder, mut sealer) = (Encoder::with_limit(limit), Sealer::new());
    let (mut bytes, mut records) = (Vec::new(), Vec::new());
    for (n, event) in (0_u64..).zip(events) {
        let (input, ts) = (n / 2, Ts::from_nanos(1_000 + n as i64 / 3));
        let seq = encoder.append(input, ts, &event);
        records.push(Record { header: Header { seq, input, ts }, event });
        while let Some(frame) = encoder.take_full() {
            sealer.seal(&frame, &mut bytes);
            encoder.recycle(frame);
        }
    }
    sealer.seal(&encoder.finish(), &mut bytes);
    Sealed { bytes, fingerprint: sealer.fingerprint(), records }
}

/// A few short records in three frames.
fn small() -> Sealed {
    seal((0..5).map(|n| Event::Resumed { rule: RuleIx(n) }).collect(), 48)
}

/// Every record up to the end or the first error.
fn read(bytes: &[u8]) -> (Vec<Record>, Result<Fingerprint, JournalError>) {
    drain(Reader::new(bytes))
}

fn drain(mut reader: Reader<&[u8]>) -> (Vec<Record>, Result<Fingerprint, JournalError>) {
    let mut records = Vec::new();
    loop {
        match reader.next_record() {
            Ok(Some(record)) => records.push(record),
            Ok(None) => return (records, Ok(reader.fingerprint().unwrap())),
            Err(error) => {
                assert_eq!(reader.fingerprint(), None, "a refused journal has no fingerprint");
                assert!(matches!(reader.next_record(), Err(JournalError::Stopped { .. })));
                assert!(reader.next().is_none());
                return (records, Err(error));
            }
        }
    }
}

fn refusal(bytes: &[u8]) -> JournalError {
    read(bytes).1.unwrap_err()
}

/// Frames with other headers or payloads than an encoder writes, but good hashes.
fn forged(frames: &[(FrameHeader, &[u8])]) -> Vec<u8> {
    let mut chain = Fingerprint::from_bytes(Log::Journal.chain_start());
    let mut all = Vec::new();
    for (header, payload) in frames {
        let mut frame = Vec::new();
        append(header, &mut frame);
        frame.extend_from_slice(payload);
        chain = chain.chain(&frame);
        all.extend_from_slice(&frame);
        all.extend_from_slice(chain.as_bytes());
    }
    all
}

fn header(flags: u16, payload: &[u8], records: u32, first_seq: u64) -> FrameHeader {
    let (magic, version) = (Log::Journal.magic(), Log::Journal.version());
    FrameHeader { magic, version, flags, payload_len: payload.len() as u32, records, first_seq }
}

/// The payload of one `Resumed` record.
fn resumed(input: u64, ts: i64) -> Vec<u8> {
    let mut payload = Vec::new();
    append(&RecordHeader { kind: 55, payload_len: 2, input, ts: Ts::from_nanos(ts) }, &mut payload);
    payload.extend_from_slice(&[7, 0]);
    payload
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_written_is_read(events in events(0..40), limit in 1..2_000_usize) {
        let sealed = seal(events, limit);
        let (records, end) = read(&sealed.bytes);
        prop_assert_eq!(records, sealed.records);
        prop_assert_eq!(end.unwrap(), sealed.fingerprint);
    }

    #[test]
    fn random_bytes_are_refused(mut bytes in proptest::collection::vec(any::<u8>(), 0..300), frame in any::<bool>()) {
        if frame {
            let mut start = Vec::new();
            append(&header(FLAG_LAST, &bytes, 1, 0), &mut start);
            bytes.splice(0..0, start);
        }
        prop_assert!(read(&bytes).1.is_err());
    }

    /// Past the hash: a faulty writer's payload is refused or read, never a panic.
    #[test]
    fn random_payloads_never_panic(payload in proptest::collection::vec(any::<u8>(), 0..200), records in 0..4_u32) {
        let (records_read, end) = read(&forged(&[(header(FLAG_LAST, &payload, records, 0), &payload)]));
        prop_assert_eq!(end.is_ok(), records_read.len() == records as usize && (records > 0 || payload.is_empty()));
    }
}

#[test]
fn any_flipped_bit_is_refused() {
    let sealed = small();
    assert_eq!(read(&sealed.bytes).1.unwrap(), sealed.fingerprint);
    for bit in 0..sealed.bytes.len() * 8 {
        let mut bytes = sealed.bytes.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let (records, end) = read(&bytes);
        assert!(end.is_err(), "bit {bit}");
        assert!(sealed.records.starts_with(&records), "bit {bit}: only verified records are handed out");
    }
}

#[test]
fn cut_off_anywhere_is_refused() {
    let sealed = small();
    for len in 0..sealed.bytes.len() {
        let error = refusal(&sealed.bytes[..len]);
        assert!(matches!(error, JournalError::Truncated { .. }), "{len}: {error}");
    }
}

#[test]
fn a_tolerant_reader_hands_out_whole_frames() {
    let sealed = small();
    let frame = FRAME_HEADER_LEN + 2 * 24 + HASH_LEN;
    for len in 0..sealed.bytes.len() {
        let (records, end) = drain(Reader::new_tolerant(&sealed.bytes[..len]));
        let whole = len / frame;
        assert_eq!(records, sealed.records[..whole * 2], "{len}");
        let Err(JournalError::Unfinished { place, torn_bytes }) = end else { panic!("{len}: {end:?}") };
        let expected = Place { frame: whole as u64, offset: (whole * frame) as u64, seq: whole as u64 * 2 };
        assert_eq!((place, torn_bytes), (expected, (len % frame) as u64), "{len}");
    }
    assert_eq!(drain(Reader::new_tolerant(&sealed.bytes)).1.unwrap(), sealed.fingerprint);
}

#[test]
fn bytes_after_the_end_are_refused() {
    let sealed = small();
    for tail in [vec![0], sealed.bytes.clone()] {
        let error = refusal(&[sealed.bytes.clone(), tail].concat());
        let JournalError::TrailingBytes { place } = error else { panic!("{error}") };
        assert_eq!((place.frame, place.offset, place.seq), (3, sealed.bytes.len() as u64, 5));
    }
}

#[test]
fn another_file_another_version_and_a_changed_byte_have_names() {
    let sealed = small();
    let changed = |at: usize| {
        let mut bytes = sealed.bytes.clone();
        bytes[at] ^= 0x40;
        refusal(&bytes)
    };
    assert!(matches!(changed(0), JournalError::WrongMagic { .. }));
    assert!(matches!(changed(4), JournalError::WrongVersion { found: 65, supported: 1, .. }));
    let JournalError::HashMismatch { place } = changed(104 + FRAME_HEADER_LEN) else { panic!("a payload's byte") };
    assert_eq!(place, Place { frame: 1, offset: 104, seq: 2 });
    let text = changed(104 + FRAME_HEADER_LEN).to_string();
    assert!(text.starts_with("frame 1, byte 104, record 2: the frame's hash does not match"), "{text}");
}

#[test]
fn frames_cannot_be_left_out_or_swapped() {
    let bytes = small().bytes;
    let (first, second, third) = (&bytes[..104], &bytes[104..208], &bytes[208..]);
    for frames in [[second, third].concat(), [first, third].concat(), [second, first, third].concat()] {
        assert!(matches!(refusal(&frames), JournalError::HashMismatch { .. }));
    }
}

#[test]
fn a_faulty_writer_is_found_out() {
    let one = resumed(1, 1);
    let back = [resumed(2, 2), resumed(1, 2)].concat();
    let early = [resumed(2, 2), resumed(2, 1)].concat();
    let mut long = one.clone();
    long[2] = 3;
    let mut odd = one.clone();
    odd[0] = 9;

    let refused =
        |flags, payload: &[u8], records, seq| refusal(&forged(&[(header(flags, payload, records, seq), payload)]));
    assert!(matches!(refused(3, &one, 1, 0), JournalError::UnknownFlags { flags: 3, .. }));
    assert!(matches!(refused(1, &one, 1, 9), JournalError::WrongSeq { found: 9, .. }));
    assert!(matches!(refused(1, &one, 2, 0), JournalError::CountMismatch { declared: 2, found: 1, .. }));
    assert!(matches!(refused(1, &one, 0, 0), JournalError::CountMismatch { declared: 0, found: 1, .. }));
    assert!(matches!(refused(1, &back, 2, 0), JournalError::OutOfOrder { .. }));
    assert!(matches!(refused(1, &early, 2, 0), JournalError::OutOfOrder { .. }));
    let too_short = refused(1, &long, 1, 0);
    assert!(
        matches!(too_short, JournalError::BadRecord { kind: 55, defect: Defect::TooShort { missing: 1 }, .. }),
        "{too_short}"
    );
    let unknown = Defect::UnknownNumber { what: "Event", number: 9 };
    assert!(matches!(refused(1, &odd, 1, 0), JournalError::BadRecord { kind: 9, defect, .. } if defect == unknown));
    let place = Place { frame: 0, offset: (FRAME_HEADER_LEN + 24) as u64, seq: 1 };
    assert!(matches!(refused(1, &back, 2, 0), JournalError::OutOfOrder { place: found } if found == place));
}

#[test]
fn an_empty_journal_has_one_frame() {
    let sealed = seal(Vec::new(), 100);
    assert_eq!(sealed.bytes.len(), FRAME_HEADER_LEN + HASH_LEN);
    let (records, end) = read(&sealed.bytes);
    assert_eq!((records.len(), end.unwrap()), (0, sealed.fingerprint));
}

#[test]
fn a_claimed_length_reserves_nothing() {
    let mut bytes = Vec::new();
    append(&FrameHeader { payload_len: u32::MAX, ..header(FLAG_LAST, &[], 1, 0) }, &mut bytes);
    let mut reader = Reader::new(bytes.as_slice());
    assert!(matches!(reader.next_record(), Err(JournalError::Truncated { .. })));
    assert!(reader.records.frames.buffer.capacity() < 64 * 1024);
}

#[test]
fn a_failing_input_is_reported_with_its_place() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let bytes = small().bytes;
    let mut reader = Reader::new(bytes[..104].chain(Broken));
    assert!(reader.next_record().is_ok());
    assert!(reader.next_record().is_ok());
    let error = reader.next_record().unwrap_err();
    assert!(matches!(error, JournalError::Read { place: Place { frame: 1, offset: 104, seq: 2 }, .. }), "{error}");
}

/// The bytes of the format, as a whole: a change here is a new version of the format.
#[test]
fn the_layout_is_as_released() {
    let sealed = seal(fixed_events(), 1_000);
    assert_eq!(sealed.bytes.len(), 4_366);
    assert_eq!(sealed.fingerprint.to_string(), "9058f97bafddbc5a08183da9edce66f40da836df021455eddacbb5d78e23b125");
}

#[test]
#[should_panic(expected = "sealed in order")]
fn frames_are_sealed_in_order() {
    let mut encoder = Encoder::with_limit(1);
    let mut frames: Vec<RawFrame> = Vec::new();
    for n in 0..2 {
        encoder.append(n, Ts::from_nanos(0), &Event::Resumed { rule: RuleIx(0) });
        frames.extend(encoder.take_full());
    }
    Sealer::new().seal(&frames[1], &mut Vec::new());
}
