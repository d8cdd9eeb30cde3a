//! What a simulator can be told to do wrong.

use std::time::Duration;

/// What becomes of functions, however they arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FunctionFault {
    /// Nothing is wrong.
    #[default]
    None,
    /// Answered `OK Completed`, nothing happens.
    Ignored,
    /// Answered `OK Completed`, another input than the one asked for is used.
    WrongEffect,
    /// Answered `ER`, nothing happens.
    Refused,
    /// The effect happens, the function is never answered; everything else is.
    Unanswered,
    /// The effect happens; the TCP connection is dropped instead of an answer.
    DropAfter,
    /// Nothing happens; the TCP connection is dropped instead of an answer.
    DropBefore,
}

/// What becomes of the bytes of one port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WireFault {
    /// Nothing is wrong.
    #[default]
    None,
    /// Greets, carries requests out, never answers them and pushes nothing.
    NeverAnswer,
    /// Accepts and is silent: no greeting, no answer, nothing carried out.
    HalfOpen,
    /// Every byte is followed by this pause.
    SlowDrip(Duration),
    /// Lines of binary noise instead of every message.
    Garbage,
    /// Bytes without end and without a line break.
    Flood,
    /// Announces a body of nearly a gigabyte.
    HugeBody,
    /// Closes every connection as soon as something would be written to it.
    Drop,
}

/// What becomes of the state document, on both ports. Its length is announced as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum XmlFault {
    /// Nothing is wrong.
    #[default]
    None,
    /// Well-formed, and larger than any show makes it.
    Huge,
    /// Ends in the middle.
    Truncated,
    /// The whole document twice.
    Duplicate,
    /// Two inputs with the same number.
    DuplicateInput,
    /// A version nobody knows yet, with elements and attributes nobody knows.
    UnknownVersion,
}

/// One fault to set; each replaces the fault of the same place and leaves the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Function(FunctionFault),
    /// The TCP port alone.
    Tcp(WireFault),
    /// The HTTP port alone.
    Http(WireFault),
    /// Both ports.
    Wire(WireFault),
    Xml(XmlFault),
}

/// All faults in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    pub function: FunctionFault,
    pub tcp: WireFault,
    pub http: WireFault,
    pub xml: XmlFault,
}

impl Faults {
    pub fn set(&mut self, fault: Fault) {
        match fault {
            Fault::Function(f) => self.function = f,
            Fault::Tcp(w) => self.tcp = w,
            Fault::Http(w) => self.http = w,
            Fault::Xml(x) => self.xml = x,
            Fault::Wire(w) => {
                self.tcp = w;
                self.http = w;
            }
        }
    }
}
