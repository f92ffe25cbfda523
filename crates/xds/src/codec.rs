use std::marker::PhantomData;

use bytes::BufMut;
use prost::Message;
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};

use crate::message::Response;

/// The largest message that is taken. Everything larger is surely a mistake.
pub(crate) const MAX_MESSAGE: usize = 256 << 20;

/// Small buffers: most messages are short, and there is one per client.
const BUFFERS: (usize, usize) = (4 * 1024, 32 * 1024);

/// The server's side: requests are decoded by prost, responses are written straight from the shared
/// bytes of their resources.
pub(crate) struct ServerCodec<Request>(PhantomData<Request>);

impl<Request> Default for ServerCodec<Request> {
    fn default() -> Self {
        ServerCodec(PhantomData)
    }
}

impl<Request: Message + Default + Send + 'static> Codec for ServerCodec<Request> {
    type Encode = Response;
    type Decode = Request;
    type Encoder = ResponseEncoder;
    type Decoder = MessageDecoder<Request>;

    fn encoder(&mut self) -> Self::Encoder {
        ResponseEncoder
    }

    fn decoder(&mut self) -> Self::Decoder {
        MessageDecoder(PhantomData)
    }
}

pub(crate) struct ResponseEncoder;

impl Encoder for ResponseEncoder {
    type Item = Response;
    type Error = Status;

    fn encode(&mut self, item: Response, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(item.encoded_len());
        item.encode(buffer);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        BufferSettings::new(BUFFERS.0, BUFFERS.1)
    }
}

/// The client's side: prost both ways, into messages whose bodies share the received buffer.
pub(crate) struct ClientCodec<Request, Response>(PhantomData<(Request, Response)>);

impl<Request, Response> Default for ClientCodec<Request, Response> {
    fn default() -> Self {
        ClientCodec(PhantomData)
    }
}

impl<Request, Response> Codec for ClientCodec<Request, Response>
where
    Request: Message + Send + 'static,
    Response: Message + Default + Send + 'static,
{
    type Encode = Request;
    type Decode = Response;
    type Encoder = MessageEncoder<Request>;
    type Decoder = MessageDecoder<Response>;

    fn encoder(&mut self) -> Self::Encoder {
        MessageEncoder(PhantomData)
    }

    fn decoder(&mut self) -> Self::Decoder {
        MessageDecoder(PhantomData)
    }
}

pub(crate) struct MessageEncoder<T>(PhantomData<T>);

impl<T: Message> Encoder for MessageEncoder<T> {
    type Item = T;
    type Error = Status;

    fn encode(&mut self, item: T, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.reserve(item.encoded_len());
        debug_assert!(buffer.remaining_mut() >= item.encoded_len());
        item.encode(buffer).map_err(|error| Status::internal(error.to_string()))
    }
}

pub(crate) struct MessageDecoder<T>(PhantomData<T>);

impl<T: Message + Default> Decoder for MessageDecoder<T> {
    type Item = T;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<T>, Status> {
        T::decode(buffer)
            .map(Some)
            .map_err(|error| Status::invalid_argument(format!("the message is no valid protobuf: {error}")))
    }
}
