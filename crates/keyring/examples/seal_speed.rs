//! How fast messages are sealed and opened, beside the bare cipher with a ready key.
//!
//!     cargo run --release -p palisade-keyring --example seal_speed

use std::hint::black_box;
use std::time::Instant;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use palisade_keyring::{
    Blob, DerivationKey, EncryptionContext, Header, KeyName, MaterialId, Random,
};

const PLAIN: [u8; 1024] = [42; 1024];
const PAIRS: [(&str, &str); 3] = [("app", "web"), ("tenant", "4711"), ("purpose", "session")];
const ROUNDS: usize = 9;
const CALLS: u32 = 50_000;

/// The library's own generator, as a server would use it.
struct Drawn;

impl Random for Drawn {
    fn fill(&mut self, bytes: &mut [u8]) {
        aws_lc_rs::rand::fill(bytes).expect("random bytes");
    }
}

fn main() {
    let id = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let header = Header {
        key: KeyName::new("111122223333", "eu-west-1", id).expect("a name"),
        material: MaterialId::of(id, &[7; 32]),
    };
    let key = DerivationKey::new([7; 32].into());
    let raw = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &[7; 32]).expect("256 bits"));
    let seal = || {
        let context = EncryptionContext::new(PAIRS).expect("short pairs");
        header
            .seal(&key, &context, &PLAIN, &mut Drawn)
            .expect("short")
    };
    let sealed = seal();
    let open = || {
        let context = EncryptionContext::new(PAIRS).expect("short pairs");
        let blob = Blob::parse(&sealed).expect("a ciphertext");
        blob.open(&key, &context).expect("it opens")
    };
    let bare = || {
        let mut bytes = PLAIN.to_vec();
        let nonce = Nonce::assume_unique_for_key([1; 12]);
        raw.seal_in_place_append_tag(nonce, Aad::empty(), &mut bytes)
            .expect("short");
        bytes
    };
    let [bare, seal, open] = medians_ns([
        &|| drop(black_box(bare())),
        &|| drop(black_box(seal())),
        &|| drop(black_box(open())),
    ]);
    println!("bare AES-256-GCM of 1 KiB, ready key  {bare:>6.0} ns");
    println!(
        "seal, 3 context pairs                 {seal:>6.0} ns  {:.2}",
        bare / seal
    );
    println!(
        "open, 3 context pairs                 {open:>6.0} ns  {:.2}",
        bare / open
    );
}

/// The medians of rounds that take turns, in nanoseconds a call.
fn medians_ns<const N: usize>(tasks: [&dyn Fn(); N]) -> [f64; N] {
    let mut rounds = [(); N].map(|()| Vec::new());
    for _ in 0..ROUNDS {
        for (task, times) in tasks.iter().zip(&mut rounds) {
            let start = Instant::now();
            (0..CALLS).for_each(|_| task());
            times.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS));
        }
    }
    rounds.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[ROUNDS / 2]
    })
}
