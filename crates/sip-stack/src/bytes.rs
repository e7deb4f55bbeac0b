//! The stored form of machines: numbers and octet strings one after another.

/// Writes fields in order.
#[derive(Debug, Default)]
pub struct FieldWriter(Vec<u8>);

impl FieldWriter {
    /// Starts with the number of the format, so that a later program knows what it reads. `size` is how many octets will
    /// follow, if that is known: then nothing grows, and nothing is cut at the end.
    pub fn new(format: u8, size: usize) -> Self {
        let mut bytes = Vec::with_capacity(size + 1);
        bytes.push(format);
        Self(bytes)
    }

    /// A number, eight octets, big endian.
    pub fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// An octet string with its length before it.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(
            &u32::try_from(bytes.len()).expect("fields are parts of a message").to_be_bytes(),
        );
        self.0.extend_from_slice(bytes);
        self
    }

    /// The whole.
    pub fn finish(self) -> Box<[u8]> {
        self.0.into_boxed_slice()
    }
}

/// Reads fields in the order in which they were written; `None` where the octets are not of this form.
#[derive(Debug)]
pub struct FieldReader<'a>(&'a [u8]);

impl<'a> FieldReader<'a> {
    /// Over octets whose format number is `format`.
    pub fn new(bytes: &'a [u8], format: u8) -> Option<Self> {
        bytes.split_first().filter(|(first, _)| **first == format).map(|(_, rest)| Self(rest))
    }

    /// The next number.
    pub fn number(&mut self) -> Option<u64> {
        let (head, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*head))
    }

    /// The next number, if it fits the type asked for.
    pub fn small<T: TryFrom<u64>>(&mut self) -> Option<T> {
        T::try_from(self.number()?).ok()
    }

    /// The next octet string.
    pub fn bytes(&mut self) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*head)).ok()?;
        let (field, rest) = (rest.get(..length)?, rest.get(length..)?);
        self.0 = rest;
        Some(field)
    }

    /// The next octet string as text.
    pub fn text(&mut self) -> Option<&'a str> {
        core::str::from_utf8(self.bytes()?).ok()
    }
}
