//! Values to bytes and back.
//!
//! Enters: values of the model, or untrusted bytes. Leaves: canonical bytes, or a value or a
//! [`Defect`]. Each type is listed once and gets both directions. One value has exactly one
//! encoding: flags are 0 or 1, numbers of enums are those of the model. Decoding never panics, and
//! allocates in proportion to the bytes that are there, whatever lengths they claim.

mod event;
mod loan;
mod margin;
mod values;

use tapedeck_model::instrument::InstrumentError;
use tapedeck_model::loan::BorrowError;
use tapedeck_model::margin::MarginError;
use tapedeck_model::{Command, Event, Instrument, MarketRecord, VenueReport};
use thiserror::Error;

/// What is wrong with the bytes of a value.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Defect {
    /// The bytes end before the value does.
    #[error("it ends {missing} bytes too early")]
    TooShort {
        /// How many bytes are missing at least.
        missing: u64,
    },
    /// Bytes are left over.
    #[error("{count} bytes are left over after its last field")]
    LeftOver {
        /// How many.
        count: u64,
    },
    /// A number that no variant bears; a newer version may have written it.
    #[error("{number} is not a number of {what} in this version of the format")]
    UnknownNumber {
        /// Of which enum.
        what: &'static str,
        /// What was read.
        number: u16,
    },
    /// A flag is neither 0 nor 1.
    #[error("a flag is {found}, neither 0 nor 1")]
    BadFlag {
        /// What was read.
        found: u8,
    },
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// A posting has more lines than a posting can have.
    #[error("a posting has {found} lines, at most {max} are possible")]
    PostingLines {
        /// What was read.
        found: u8,
        /// How many there can be.
        max: u8,
    },
    /// An instrument that contradicts itself.
    #[error("an instrument makes no sense")]
    Instrument(#[from] InstrumentError),
    /// Margin terms that contradict themselves.
    #[error("margin terms make no sense")]
    Margin(#[from] MarginError),
    /// Terms of borrowing that contradict themselves.
    #[error("terms of borrowing make no sense")]
    Borrow(#[from] BorrowError),
}

/// A value that has a canonical encoding. Only this crate implements it.
pub trait Value: Wire {}

impl Value for Event {}
impl Value for MarketRecord {}
impl Value for VenueReport {}
impl Value for Command {}
impl Value for Instrument {}

/// Appends the canonical encoding of `value` to `out`.
///
/// # Panics
/// If `value` is an instrument that does not validate.
pub fn encode_value<T: Value>(value: &T, out: &mut Vec<u8>) {
    append(value, out);
}

pub(crate) fn append<T: Wire>(value: &T, out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + ROOM_MIN, 0);
    let end = write_at(out, start, |room| value.encode(room));
    out.truncate(end);
}

/// Room that is enough for almost every value.
const ROOM_MIN: usize = 1024;

/// Lets `write` fill `bytes` from `start` on, making them longer until all fits; gives where it
/// ended.
#[inline]
pub(crate) fn write_at(bytes: &mut Vec<u8>, start: usize, write: impl Fn(Room<'_>) -> Room<'_>) -> usize {
    match try_write_at(bytes, start, &write) {
        Some(end) => end,
        None => write_at_with_more_room(bytes, start, &write),
    }
}

#[inline]
fn try_write_at(bytes: &mut [u8], start: usize, write: &impl Fn(Room<'_>) -> Room<'_>) -> Option<usize> {
    let whole = bytes.len();
    write(Room(bytes.get_mut(start..))).0.map(|rest| whole - rest.len())
}

/// Apart, so that the usual way is no loop.
#[cold]
#[inline(never)]
fn write_at_with_more_room(bytes: &mut Vec<u8>, start: usize, write: &impl Fn(Room<'_>) -> Room<'_>) -> usize {
    loop {
        bytes.resize(bytes.len() * 2 + ROOM_MIN, 0);
        if let Some(end) = try_write_at(bytes, start, write) {
            return end;
        }
    }
}

/// Bytes to be filled from the front; `None` once something did not fit, so that all must be written
/// again with more room. It is handed on by value and so stays in registers: fields are small and
/// many.
pub struct Room<'a>(Option<&'a mut [u8]>);

/// [`Wire::LEN`] of a value's type.
pub(crate) const fn len_of<T: Wire>(_: &T) -> usize {
    T::LEN
}

impl Room<'_> {
    /// Lets `write` fill the next `len` bytes.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "a call costs more than writing the few bytes of a field")]
    pub(crate) fn put(self, len: usize, write: impl FnOnce(&mut [u8])) -> Self {
        let split = self.0.and_then(|room| room.split_at_mut_checked(len));
        Self(split.map(|(head, rest)| {
            write(head);
            rest
        }))
    }

    fn put_slice(self, bytes: &[u8]) -> Self {
        let split = self.0.and_then(|room| room.split_at_mut_checked(bytes.len()));
        Self(split.map(|(head, rest)| {
            head.copy_from_slice(bytes);
            rest
        }))
    }
}

/// The value whose canonical encoding is `bytes`, all of them.
///
/// # Errors
/// The first [`Defect`] of the bytes.
pub fn decode_value<T: Value>(bytes: &[u8]) -> Result<T, Defect> {
    let mut from = Cursor::new(bytes);
    let value = T::decode(&mut from)?;
    from.finish()?;
    Ok(value)
}

/// Both directions of a type.
pub trait Wire: Sized {
    /// How many bytes every value takes; 0 where that depends on the value. Known lengths let the
    /// bytes of a whole struct be checked for and written at once.
    const LEN: usize = 0;

    /// Writes the value to exactly [`Wire::LEN`] bytes.
    ///
    /// # Panics
    /// If there is no such length.
    fn write(&self, at: &mut [u8]) {
        unreachable!("{} bytes are no place for a value whose length is not fixed", at.len());
    }

    /// Appends the value.
    fn encode<'a>(&self, out: Room<'a>) -> Room<'a>;

    /// Takes the value off the front.
    fn decode(from: &mut Cursor<'_>) -> Result<Self, Defect>;
}

/// Both directions of an enum with data: the number of the variant, then its fields.
pub trait Tagged: Sized {
    /// How wide the number is.
    type Tag: Wire;

    /// The number of the variant.
    fn tag(&self) -> Self::Tag;

    /// Appends the fields of the variant.
    fn encode_fields<'a>(&self, out: Room<'a>) -> Room<'a>;

    /// Takes the fields of the variant with this number off the front.
    fn decode_fields(tag: Self::Tag, from: &mut Cursor<'_>) -> Result<Self, Defect>;
}

impl<T: Tagged> Wire for T {
    #[inline]
    fn encode<'a>(&self, out: Room<'a>) -> Room<'a> {
        let out = self.tag().encode(out);
        self.encode_fields(out)
    }

    fn decode(from: &mut Cursor<'_>) -> Result<Self, Defect> {
        let tag = T::Tag::decode(from)?;
        T::decode_fields(tag, from)
    }
}

/// Bytes that have not been read yet.
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// The next `len` bytes.
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], Defect> {
        let Some((head, rest)) = self.rest.split_at_checked(len) else {
            return Err(self.too_short(len));
        };
        self.rest = rest;
        Ok(head)
    }

    /// Nothing may be left.
    pub(crate) const fn finish(&self) -> Result<(), Defect> {
        if self.rest.is_empty() { Ok(()) } else { Err(Defect::LeftOver { count: self.rest.len() as u64 }) }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Defect> {
        let Some((head, rest)) = self.rest.split_first_chunk::<N>() else {
            return Err(self.too_short(N));
        };
        self.rest = rest;
        Ok(*head)
    }

    const fn too_short(&self, wanted: usize) -> Defect {
        Defect::TooShort { missing: wanted.saturating_sub(self.rest.len()) as u64 }
    }
}

macro_rules! wire_number {
    ($($name:ty)*) => {$(
        impl Wire for $name {
            const LEN: usize = size_of::<$name>();

            #[inline(always)]
            fn write(&self, at: &mut [u8]) {
                at.copy_from_slice(&self.to_le_bytes());
            }

            #[inline]
            fn encode<'a>(&self, out: Room<'a>) -> Room<'a> {
                out.put(Self::LEN, |at| self.write(at))
            }

            #[inline]
            fn decode(from: &mut Cursor<'_>) -> Result<Self, Defect> {
                from.array().map(<$name>::from_le_bytes)
            }
        }
    )*};
}

wire_number! { u8 u16 u32 u64 i64 i128 }

impl<const N: usize> Wire for [u8; N] {
    const LEN: usize = N;

    #[inline]
    fn write(&self, at: &mut [u8]) {
        at.copy_from_slice(self);
    }

    #[inline]
    fn encode<'a>(&self, out: Room<'a>) -> Room<'a> {
        out.put(N, |at| self.write(at))
    }

    #[inline]
    fn decode(from: &mut Cursor<'_>) -> Result<Self, Defect> {
        from.array()
    }
}

impl Wire for f64 {
    const LEN: usize = u64::LEN;

    #[inline]
    fn write(&self, at: &mut [u8]) {
        self.to_bits().write(at);
    }

    /// The bits, so that every value comes back as it was.
    #[inline]
    fn encode<'a>(&self, out: Room<'a>) -> Room<'a> {
        self.to_bits().encode(out)
    }

    fn decode(from: &mut Cursor<'_>) -> Result<Self, Defect> {
        u64::decode(from).map(Self::from_bits)
    }
}

impl Wire for bool {
    const LEN: usize = u8::LEN;

    #[inline]
    fn write(&self, at: &mut [u8]) {
        u8::from(*self).write(at);
    }

    #[inline]
    fn encode<'a>(&self, out: Room<'a>) -> Room<'a> {
        u8::from(*self).encode(out)
    }

    fn decode(from: &mut Cursor<'_>) -> Result<Self, Defect> {
        match u8::decode(from)? {
            0 => Ok(false),
            1 => Ok(true),
            found => Err(Defect::BadFlag { found }),
        }
    }
}

impl<T: Wire> Wire for Option<T> {
    /// A flag, then the value if there is one.
    #[inline]
    fn encode<'a>(&self, out: Room<'a>) -> Room<'a> {
        let out = self.is_some().encode(out);
        match self {
            Some(value) => value.encode(out),
            None => out,
        }
    }

    fn decode(from: &mut Cursor<'_>) -> Result<Self, Defect> {
        if bool::decode(from)? { T::decode(from).map(Some) } else { Ok(None) }
    }
}

impl Wire for String {
    /// Length in bytes, then UTF-8.
    fn encode<'a>(&self, out: Room<'a>) -> Room<'a> {
        length(self.len()).encode(out).put_slice(self.as_bytes())
    }

    fn decode(from: &mut Cursor<'_>) -> Result<Self, Defect> {
        let len = u32::decode(from)?;
        let bytes = from.take(len as usize)?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Defect::NotUtf8)
    }
}

/// A length as it stands in the bytes.
///
/// # Panics
/// If it does not fit 32 bits: nothing that a run puts on record is that long.
pub(crate) fn length(len: usize) -> u32 {
    assert!(u32::try_from(len).is_ok(), "{len} bytes do not fit a length of 32 bits");
    len as u32
}

/// Structs: fields in the order of the format, after the number of bytes that they take together where
/// that is the same for every value. A struct that can contradict itself names its check: decoding
/// refuses what the check refuses, and encoding it is a bug.
macro_rules! wire_struct {
    ($($name:ident $([$len:literal])? $(: $check:ident)? { $($field:ident),* $(,)? })*) => {$(
        impl $crate::codec::Wire for $name {
            const LEN: usize = 0 $(+ $len)?;

            #[inline(always)]
            fn write(&self, at: &mut [u8]) {
                let rest = at;
                $(
                    let (here, rest) = rest.split_at_mut($crate::codec::len_of(&self.$field));
                    $crate::codec::Wire::write(&self.$field, here);
                )*
                assert!(rest.is_empty(), "the lengths of the fields add up");
            }

            #[inline]
            fn encode<'a>(&self, out: $crate::codec::Room<'a>) -> $crate::codec::Room<'a> {
                $(assert!(self.$check().is_ok(), "{self:?} could not be read back");)?
                if Self::LEN > 0 {
                    return out.put(Self::LEN, |at| self.write(at));
                }
                let Self { $($field),* } = self;
                $(let out = $crate::codec::Wire::encode($field, out);)*
                out
            }

            #[inline]
            fn decode(from: &mut $crate::codec::Cursor<'_>) -> Result<Self, $crate::codec::Defect> {
                let value = Self { $($field: $crate::codec::Wire::decode(from)?),* };
                $(value.$check()?;)?
                Ok(value)
            }
        }
    )*};
}

/// Enums with data: number, variant, and its fields in the order of the format.
macro_rules! wire_enum {
    ($($name:ident: $tag:ty {
        $($number:literal = $variant:ident $({ $($field:ident),* $(,)? })? $(($inner:ident))?),* $(,)?
    })*) => {$(
        impl $crate::codec::Tagged for $name {
            type Tag = $tag;

            #[inline]
            fn tag(&self) -> $tag {
                match self { $(Self::$variant { .. } => $number),* }
            }

            #[inline]
            fn encode_fields<'a>(&self, out: $crate::codec::Room<'a>) -> $crate::codec::Room<'a> {
                match self {
                    $(Self::$variant $({ $($field),* })? $(($inner))? => {
                        $(
                            if true $(&& $crate::codec::len_of($field) > 0)* {
                                return out.put(0 $(+ $crate::codec::len_of($field))*, |rest| {
                                    $(
                                        let (here, rest) = rest.split_at_mut($crate::codec::len_of($field));
                                        $crate::codec::Wire::write($field, here);
                                    )*
                                    assert!(rest.is_empty(), "the lengths of the fields add up");
                                });
                            }
                            $(let out = $crate::codec::Wire::encode($field, out);)*
                        )?
                        $(let out = $crate::codec::Wire::encode($inner, out);)?
                        out
                    })*
                }
            }

            fn decode_fields(
                tag: $tag,
                from: &mut $crate::codec::Cursor<'_>,
            ) -> Result<Self, $crate::codec::Defect> {
                Ok(match tag {
                    $($number => Self::$variant
                        $({ $($field: $crate::codec::Wire::decode(from)?),* })?
                        $(({ let $inner = $crate::codec::Wire::decode(from)?; $inner }))?,)*
                    number => {
                        let what = stringify!($name);
                        return Err($crate::codec::Defect::UnknownNumber { what, number: u16::from(number) });
                    }
                })
            }
        }
    )*};
}

pub(crate) use wire_enum;
pub(crate) use wire_struct;

#[cfg(test)]
mod tests;
