//! What a client sends, before it reaches the codec. tokio-modbus 0.17 panics where a write says more than it brings; here
//! such a frame ends the connection, as any other that cannot be understood does. Sound bytes pass as they are, and nothing waits.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Longest frame behind its length: unit and 253 bytes.
const LONGEST: u16 = 254;
/// Most registers one write may bring, by the protocol; with code 23 two fewer.
const MOST_WRITTEN: u16 = 123;
/// So much of a frame is looked at: up to the count of code 23.
const HEAD: usize = 16;

/// A stream that ends in an error before an unsound frame is whole.
#[derive(Debug)]
pub struct Sound<S> {
    stream: S,
    /// The first bytes of the frame that is coming.
    head: Vec<u8>,
    /// How many bytes of it came.
    came: usize,
}

impl<S> Sound<S> {
    /// From its beginning.
    pub fn new(stream: S) -> Self {
        Self { stream, head: Vec::with_capacity(HEAD), came: 0 }
    }

    /// Whether a frame may go on with this byte.
    fn take(&mut self, byte: u8) -> bool {
        self.came += 1;
        if self.head.len() < HEAD {
            self.head.push(byte);
            if !is_sound(&self.head) {
                return false;
            }
        }
        if let [_, _, _, _, high, low, ..] = *self.head
            && self.came >= 6 + usize::from(u16::from_be_bytes([high, low]))
        {
            self.head.clear();
            self.came = 0;
        }
        true
    }
}

/// Judges the newest byte of a frame's head: length, and the counts of codes 15, 16 and 23.
fn is_sound(head: &[u8]) -> bool {
    let word = |high, low| u16::from_be_bytes([high, low]);
    match *head {
        [_, _, _, _, high, low] => (1..=LONGEST).contains(&word(high, low)),
        [_, _, _, _, _, _, _, 15, _, _, high, low, bytes] => word(high, low).div_ceil(8) == u16::from(bytes),
        [_, _, _, _, _, _, _, 16, _, _, high, low] => word(high, low) <= MOST_WRITTEN,
        [_, _, _, _, _, _, _, 23, _, _, _, _, _, _, high, low] => word(high, low) <= MOST_WRITTEN - 2,
        _ => true,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Sound<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        let came = into.filled().get(before..).unwrap_or_default();
        if came.iter().all(|byte| self.take(*byte)) {
            return Poll::Ready(Ok(()));
        }
        into.set_filled(before);
        Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "a frame that says more than it brings")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Sound<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    async fn passes(bytes: &[u8]) -> bool {
        let mut all = Vec::new();
        let passed = Sound::new(bytes).read_to_end(&mut all).await.is_ok();
        assert!(!passed || all == bytes);
        passed
    }

    #[tokio::test]
    async fn frames_that_say_what_they_bring_pass_as_they_are() {
        let coils = [0, 1, 0, 0, 0, 8, 1, 15, 0, 101, 0, 8, 1, 0xFF];
        let read = [0, 2, 0, 0, 0, 6, 1, 3, 0xFF, 0xFF, 0xFF, 0xFF];
        let words = [0, 3, 0, 0, 0, 9, 1, 16, 0, 0, 0, 1, 2, 0, 7];
        assert!(passes(&[&coils[..], &read, &words, &coils].concat()).await);
    }

    #[tokio::test]
    async fn a_write_that_says_more_than_it_brings_ends_the_connection() {
        assert!(!passes(&[0, 1, 0, 0, 0, 8, 1, 15, 0, 101, 0, 48, 1, 0xFF]).await, "48 coils in one byte");
        assert!(!passes(&[0, 1, 0, 0, 0, 8, 1, 15, 6, 155, 0xFF, 0xF7, 1, 0xFF]).await);
        assert!(!passes(&[0, 1, 0, 0, 0, 9, 1, 16, 0, 0, 0x80, 1, 2, 0, 7]).await, "twice the count overflows");
        assert!(!passes(&[0, 1, 0, 0, 0, 12, 1, 23, 0, 0, 0, 1, 0, 0, 0x80, 0, 0, 0]).await);
        assert!(!passes(&[0, 1, 0, 0, 1, 0, 1, 3]).await, "longer than any frame");
        let right = [0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 1];
        assert!(!passes(&[&right[..], &[0, 1, 0, 0, 0, 0, 1]].concat()).await, "no length, after a right one");
    }
}
