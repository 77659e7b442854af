// Writes each terminated instance as a line.
const fs = require('fs');
const path = require('path');

exports.handler = async (detail, context) => {
  console.log('gone', detail['instance-id']);
  await fs.promises.appendFile(path.join(process.env.OUT, 'terminated.jsonl'), JSON.stringify({function: context.functionName, detail}) + '\n');
  return {gone: 1};
};
