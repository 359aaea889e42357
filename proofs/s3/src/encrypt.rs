//! Server-side encryption: what is asked for, and whether an object that was read back has it.
//!
//! There are servers that take the header, answer 200 and keep the object as it is; so what is asked for is read back,
//! like a lock. Nothing is overwritten: an object that was there before the setting was made is named, and encrypting
//! it in its place is up to a person.

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::ServerSideEncryption;

use crate::bucket::Bucket;
use crate::error::S3Error;
use crate::place::Encryption;

impl Bucket {
    /// What a request that puts something asks for: how, and with which key.
    pub(crate) fn encryption(&self) -> (Option<ServerSideEncryption>, Option<String>) {
        match &self.options.encryption {
            None => (None, None),
            Some(Encryption::Aes256) => (Some(ServerSideEncryption::Aes256), None),
            Some(Encryption::Kms(key)) => (Some(ServerSideEncryption::AwsKms), key.clone()),
        }
    }

    /// Sees that an object is encrypted as asked, or better.
    pub(crate) fn encrypted(&self, key: &str, head: &HeadObjectOutput) -> Result<(), S3Error> {
        let told = head.server_side_encryption();
        let kms = matches!(told, Some(ServerSideEncryption::AwsKms | ServerSideEncryption::AwsKmsDsse));
        let is = match &self.options.encryption {
            None => true,
            Some(Encryption::Aes256) => kms || told == Some(&ServerSideEncryption::Aes256),
            // A key may be named in several ways, and is told in one of its own: it is not compared.
            Some(Encryption::Kms(_)) => kms,
        };
        if is {
            return Ok(());
        }
        let what = told.map_or("it was read back without any".to_owned(), |how| format!("it has {}", how.as_str()));
        Err(S3Error::NotEncrypted { key: key.to_owned(), what })
    }

    /// Whether it encrypts what it is asked to encrypt. The few bytes of the probe are put anew each time: the setting may be another one.
    pub(crate) async fn encrypts(&self) -> Result<bool, S3Error> {
        let key = self.place.key("probe/encryption");
        let (encryption, kms_key) = self.encryption();
        let request = self.client.put_object().bucket(&self.place.bucket).key(&key);
        let request = request.set_server_side_encryption(encryption).set_ssekms_key_id(kms_key);
        let sent =
            request.body(ByteStream::from_static(b"Deed looks here whether this store encrypts.\n")).send().await;
        sent.map_err(|error| self.sorted(&format!("put {key} encrypted"), &error))?;
        let head = self.head(&key).await?;
        Ok(head.is_some_and(|head| self.encrypted(&key, &head).is_ok()))
    }
}
