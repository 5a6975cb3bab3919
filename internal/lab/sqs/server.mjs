// SQS as somebody else understands it, on a port of 127.0.0.1 until standard input ends.
import { createSqsServer } from "local-aws-sqs";

process.stdin.resume();
process.stdin.on("close", () => process.exit());
await createSqsServer({ port: Number(process.argv[2]), hostname: "127.0.0.1", region: "us-east-1" });
console.log("ready");
