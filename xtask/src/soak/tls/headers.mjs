// headers.mjs HOST HTTPS-PORT HTTP-PORT: the score of the HTTP Observatory and the findings of csp_evaluator for /login.
import { mkdirSync, writeFileSync } from "node:fs";

const observatory = "./node_modules/@mdn/mdn-http-observatory";
// The list of preloaded domains is downloaded by an installation with scripts; here no domain is preloaded.
mkdirSync(`${observatory}/conf`, { recursive: true });
writeFileSync(`${observatory}/conf/hsts-preload.json`, "{}");

const { retrieve } = await import(`${observatory}/src/retriever/retriever.js`);
const { ALL_TESTS } = await import(`${observatory}/src/constants.js`);
const { getGradeForScore, getScoreModifier } = await import(`${observatory}/src/grader/grader.js`);
const { CspEvaluator } = await import("./node_modules/csp_evaluator/dist/evaluator.js");
const { CspParser } = await import("./node_modules/csp_evaluator/dist/parser.js");

const [host, httpsPort, httpPort] = process.argv.slice(2);
const retrieved = await retrieve(host, { httpsPort, httpPort, path: "/login" });
let [score, extra] = [100, 0];
for (const test of ALL_TESTS) {
  const { result } = test(retrieved);
  const points = getScoreModifier(result);
  if (points < 0) score += points;
  else extra += points;
  console.log(`  ${String(points).padStart(4)} ${result}`);
}
// Extra credit counts from 90 points on.
const { score: total, grade } = getGradeForScore(score >= 90 ? score + extra : score);
const policy = retrieved.responses.auto.headers["content-security-policy"];
const findings = new CspEvaluator(new CspParser(policy).csp).evaluate();
for (const finding of findings) console.log(`  ${finding.severity} ${finding.directive}: ${finding.description}`);
console.log(`  Observatory ${grade}, ${total} points; csp_evaluator: ${findings.length} findings`);
process.exit(score >= 100 && findings.length === 0 ? 0 : 1);
