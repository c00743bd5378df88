// The AWS Encryption SDK for JavaScript. Jobs and answers are those of messages.py.
import { readFileSync } from "node:fs";
import {
  buildAwsKmsMrkAwareStrictMultiKeyringNode,
  buildClient,
  CommitmentPolicy,
  getClient,
  KMS,
  KmsKeyringNode,
} from "@aws-crypto/client-node";

const { encrypt, decrypt } = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);

function keyring({ kind, key, more, region, accounts }) {
  switch (kind) {
    case "kms":
      return new KmsKeyringNode({ generatorKeyId: key });
    case "several":
      return new KmsKeyringNode({ generatorKeyId: key, keyIds: more });
    case "mrk":
      return buildAwsKmsMrkAwareStrictMultiKeyringNode({ generatorKeyId: key });
    case "discovery":
      return new KmsKeyringNode({
        discovery: true,
        discoveryFilter: { accountIDs: accounts, partition: "aws" },
        clientProvider: () => getClient(KMS)(region),
      });
    default:
      throw new Error(`there is no keyring ${kind}`);
  }
}

async function answer(job) {
  try {
    const data = Buffer.from(job.data, "base64");
    if (job.do === "encrypt") {
      const { result, messageHeader } = await encrypt(keyring(job.keyring), data, { encryptionContext: job.context ?? {} });
      return { data: result.toString("base64"), context: messageHeader.encryptionContext };
    }
    const { plaintext, messageHeader } = await decrypt(keyring(job.keyring), data);
    return { data: plaintext.toString("base64"), context: messageHeader.encryptionContext };
  } catch (error) {
    return { error: `${error.name}: ${error.message}` };
  }
}

const answers = [];
for (const job of JSON.parse(readFileSync(0))) answers.push(await answer(job));
process.stdout.write(JSON.stringify(answers));
