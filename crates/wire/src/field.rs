//! How each kind of field is read and written.

use bytes::Bytes;

use crate::message::Element;
use crate::{DecodeError, EncodeError, Reader, Records, Str, Uuid, Writer};

/// Arrays grow from here, doubling, up to their declared length: memory follows what was really read.
const CAPACITY_FIRST: usize = 16;

impl Reader {
    pub(crate) fn get<T: Element>(&mut self, version: i16) -> Result<T, DecodeError> {
        T::read(self, version)
    }

    /// Reads with old lengths, whatever the message's version (the client id of request headers).
    pub(crate) fn get_inflexible<T: Element>(&mut self, version: i16) -> Result<T, DecodeError> {
        let flexible = std::mem::replace(&mut self.flexible, false);
        let value = T::read(self, version);
        self.flexible = flexible;
        value
    }

    /// A nullable field at a version where it cannot be null.
    pub(crate) fn get_some<T>(&mut self, version: i16) -> Result<Option<T>, DecodeError>
    where
        Option<T>: Element,
    {
        match Option::<T>::read(self, version)? {
            None => Err(DecodeError::UnexpectedNull),
            some => Ok(some),
        }
    }

    /// ```text
    /// present: i8 (1, or -1 for null) | struct
    /// ```
    pub(crate) fn get_struct<T: Element>(&mut self, version: i16) -> Result<Option<T>, DecodeError> {
        match i8::from_be_bytes(self.array()?) {
            -1 => Ok(None),
            1 => T::read(self, version).map(Some),
            other => Err(DecodeError::InvalidPresence(other)),
        }
    }

    /// As a tagged field, a nullable struct has another front than elsewhere:
    /// ```text
    /// present: uvarint (1, or 0 for null) | struct
    /// ```
    pub(crate) fn get_tagged_struct<T: Element>(&mut self, version: i16) -> Result<Option<T>, DecodeError> {
        match self.unsigned_varint()? {
            0 => Ok(None),
            _ => T::read(self, version).map(Some),
        }
    }

    pub(crate) fn get_records(&mut self, nullable: bool) -> Result<Records, DecodeError> {
        match self.nullable_length()? {
            Some(len) => self.take(len).map(Records::Bytes),
            None if nullable => Ok(Records::Null),
            None => Err(DecodeError::UnexpectedNull),
        }
    }

    fn elements<T: Element>(&mut self, len: usize, version: i16) -> Result<Vec<T>, DecodeError> {
        self.charge(len, size_of::<T>())?;
        let mut elements = Vec::with_capacity(len.min(CAPACITY_FIRST));
        for read in 0..len {
            if read == elements.capacity() {
                elements.reserve_exact(read.min(len - read));
            }
            elements.push(T::read(self, version)?);
        }
        Ok(elements)
    }

    /// The tagged fields at the end of a struct that knows none.
    pub(crate) fn skip_tags(&mut self) -> Result<(), DecodeError> {
        let mut tags = self.tags()?;
        while tags.next(self)?.is_some() {
            tags.skip(self);
        }
        Ok(())
    }

    /// The tagged fields at the end of a struct; none if the version is not flexible.
    pub(crate) fn tags(&mut self) -> Result<Tags, DecodeError> {
        let left = if self.flexible { self.unsigned_varint()? } else { 0 };
        Ok(Tags { left, seen: 0, last: 0, current: None })
    }
}

/// Walks over tagged fields:
/// ```text
/// count: uvarint | count x ( tag: uvarint | length: uvarint | value )
/// ```
pub(crate) struct Tags {
    left: u32,
    /// One bit for each tag below 64 that has occurred; ours are all below.
    seen: u64,
    /// The largest tag so far; those from 64 on must ascend, as the protocol says of all.
    last: u32,
    /// The tag being read and the end of what surrounds it.
    current: Option<(u32, usize)>,
}

impl Tags {
    /// The next tag, with the reader confined to its value.
    pub(crate) fn next(&mut self, r: &mut Reader) -> Result<Option<u32>, DecodeError> {
        if let Some((tag, outer_end)) = self.current.take()
            && r.leave(outer_end) != 0
        {
            return Err(DecodeError::TagLength(tag));
        }
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let tag = r.unsigned_varint()?;
        let bit = 1u64.checked_shl(tag).unwrap_or(0);
        if self.seen & bit != 0 || (tag >= 64 && tag <= self.last) {
            return Err(DecodeError::DuplicateTag(tag));
        }
        self.seen |= bit;
        self.last = self.last.max(tag);
        let len = r.unsigned_varint()? as usize;
        self.current = Some((tag, r.enter(len)?));
        Ok(Some(tag))
    }

    /// Passes over the current value.
    pub(crate) fn skip(&mut self, r: &mut Reader) {
        let unread = r.remaining();
        // It cannot fail: that much is left.
        let _ = r.advance(unread);
    }
}

impl Writer {
    pub(crate) fn put<T: Element>(&mut self, value: &T, version: i16) -> Result<(), EncodeError> {
        value.write(self, version)
    }

    pub(crate) fn put_inflexible<T: Element>(&mut self, value: &T, version: i16) -> Result<(), EncodeError> {
        let flexible = std::mem::replace(&mut self.flexible, false);
        let done = value.write(self, version);
        self.flexible = flexible;
        done
    }

    /// A nullable field at a version where it cannot be null.
    pub(crate) fn put_some<T>(&mut self, value: &Option<T>, field: &'static str, v: i16) -> Result<(), EncodeError>
    where
        Option<T>: Element,
    {
        if value.is_none() {
            return Err(EncodeError::UnexpectedNull(field));
        }
        value.write(self, v)
    }

    pub(crate) fn put_struct<T: Element>(&mut self, value: &Option<T>, version: i16) -> Result<(), EncodeError> {
        match value {
            Some(value) => {
                self.buffer.push(1);
                value.write(self, version)
            }
            None => {
                self.buffer.push(0xff);
                Ok(())
            }
        }
    }

    pub(crate) fn put_tagged_struct<T: Element>(&mut self, value: &Option<T>, version: i16) -> Result<(), EncodeError> {
        self.buffer.push(u8::from(value.is_some()));
        value.as_ref().map_or(Ok(()), |value| value.write(self, version))
    }

    pub(crate) fn put_records(
        &mut self,
        records: &Records,
        nullable: bool,
        field: &'static str,
    ) -> Result<(), EncodeError> {
        if records.is_null() && !nullable {
            return Err(EncodeError::UnexpectedNull(field));
        }
        self.records(records)
    }

    /// The version lacks the field, and leaving it out would change the meaning: it must hold its default.
    pub(crate) fn absent(&self, is_default: bool, field: &'static str) -> Result<(), EncodeError> {
        if is_default { Ok(()) } else { Err(EncodeError::FieldNotInVersion(field)) }
    }

    fn text(&mut self, text: Option<&Str>) -> Result<(), EncodeError> {
        self.text_length(text.map(|text| text.len()))?;
        if let Some(text) = text {
            self.buffer.extend_from_slice(text.as_bytes());
        }
        Ok(())
    }

    fn bytes(&mut self, bytes: Option<&Bytes>) -> Result<(), EncodeError> {
        self.length(bytes.map(Bytes::len))?;
        if let Some(bytes) = bytes {
            self.buffer.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// The end of a struct that knows no tagged fields.
    pub(crate) fn no_tags(&mut self) {
        if self.flexible {
            self.buffer.push(0);
        }
    }

    /// Begins the tagged fields at the end of a struct: their count comes first and is filled in by `end`.
    pub(crate) fn tags(&mut self) -> TagSection {
        let at = self.buffer.len();
        self.no_tags();
        TagSection { at, parts: self.parts() }
    }
}

/// The tagged fields being written; no struct has as many as 128 of them, so that their count is one byte.
pub(crate) struct TagSection {
    at: usize,
    parts: usize,
}

impl TagSection {
    /// Puts one field, unless it holds its default. Its length goes in front of a value whose length is known only behind it: the value is written
    /// first, then turned around with its length.
    pub(crate) fn put(
        &self,
        w: &mut Writer,
        tag: u32,
        is_default: bool,
        value: impl FnOnce(&mut Writer) -> Result<(), EncodeError>,
    ) -> Result<(), EncodeError> {
        if is_default {
            return Ok(());
        }
        w.put_unsigned_varint(tag);
        let start = w.buffer.len();
        value(w)?;
        if w.parts() != self.parts {
            return Err(EncodeError::ExternalRecords);
        }
        let end = w.buffer.len();
        w.put_unsigned_varint(u32::try_from(end - start).map_err(|_| EncodeError::TooLong(end - start))?);
        let length_bytes = w.buffer.len() - end;
        w.buffer[start..].rotate_right(length_bytes);
        w.buffer[self.at] += 1;
        Ok(())
    }
}

impl<T: Element> Element for Vec<T> {
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        match r.nullable_length()? {
            Some(len) => r.elements(len, version),
            None => Err(DecodeError::UnexpectedNull),
        }
    }

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        w.length(Some(self.len()))?;
        self.iter().try_for_each(|element| element.write(w, version))
    }
}

impl<T: Element> Element for Option<Vec<T>> {
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        match r.nullable_length()? {
            Some(len) => r.elements(len, version).map(Some),
            None => Ok(None),
        }
    }

    fn write(&self, w: &mut Writer, version: i16) -> Result<(), EncodeError> {
        match self {
            Some(elements) => elements.write(w, version),
            None => w.length(None),
        }
    }
}

impl Element for Str {
    fn read(r: &mut Reader, _: i16) -> Result<Self, DecodeError> {
        r.nullable_text()?.ok_or(DecodeError::UnexpectedNull)
    }

    fn write(&self, w: &mut Writer, _: i16) -> Result<(), EncodeError> {
        w.text(Some(self))
    }
}

impl Element for Option<Str> {
    fn read(r: &mut Reader, _: i16) -> Result<Self, DecodeError> {
        r.nullable_text()
    }

    fn write(&self, w: &mut Writer, _: i16) -> Result<(), EncodeError> {
        w.text(self.as_ref())
    }
}

impl Element for Bytes {
    fn read(r: &mut Reader, version: i16) -> Result<Self, DecodeError> {
        Option::<Bytes>::read(r, version)?.ok_or(DecodeError::UnexpectedNull)
    }

    fn write(&self, w: &mut Writer, _: i16) -> Result<(), EncodeError> {
        w.bytes(Some(self))
    }
}

impl Element for Option<Bytes> {
    fn read(r: &mut Reader, _: i16) -> Result<Self, DecodeError> {
        match r.nullable_length()? {
            Some(len) => r.take(len).map(Some),
            None => Ok(None),
        }
    }

    fn write(&self, w: &mut Writer, _: i16) -> Result<(), EncodeError> {
        w.bytes(self.as_ref())
    }
}

impl Element for bool {
    fn read(r: &mut Reader, _: i16) -> Result<Self, DecodeError> {
        r.array::<1>().map(|[byte]| byte != 0)
    }

    fn write(&self, w: &mut Writer, _: i16) -> Result<(), EncodeError> {
        w.buffer.push(u8::from(*self));
        Ok(())
    }
}

impl Element for Uuid {
    fn read(r: &mut Reader, _: i16) -> Result<Self, DecodeError> {
        r.uuid()
    }

    fn write(&self, w: &mut Writer, _: i16) -> Result<(), EncodeError> {
        w.buffer.extend_from_slice(&self.0);
        Ok(())
    }
}

macro_rules! number {
    ($($type:ty)*) => {$(
        impl Element for $type {
            fn read(r: &mut Reader, _: i16) -> Result<Self, DecodeError> {
                r.array().map(<$type>::from_be_bytes)
            }

            fn write(&self, w: &mut Writer, _: i16) -> Result<(), EncodeError> {
                w.buffer.extend_from_slice(&self.to_be_bytes());
                Ok(())
            }
        }
    )*};
}

number!(i8 i16 u16 i32 u32 i64 f64);
