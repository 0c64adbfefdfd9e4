import { expect, test } from '@jest/globals'
import { readBodyHead } from '../../../src/browsers/bosh/body.js'

test.each([
  ["<body rid='7' sid='abc'", { sid: 'abc', rid: 7 }],
  ['<body sid="abc" rid="7" xmlns="x"><message/>', { sid: 'abc', rid: 7 }],
  ["<?xml version='1.0'?>\n<body\n\tsid = 'abc'\n rid='7'>", { sid: 'abc', rid: 7 }],
  ["<body to='a>b' xmpp:restart='true' sid='abc'/>", { sid: 'abc', rid: undefined }],
  ["<body rid='seven' sid='abc'>", { sid: 'abc', rid: undefined }],
  ["<body rid='12345678901234567' sid='abc'>", { sid: 'abc', rid: undefined }],
  ["<body rid='7' sid='ab", { sid: undefined, rid: 7 }],
  ["<body rid='7'><message sid='abc'/>", { sid: undefined, rid: 7 }],
  ["<body rid='7' x=\"sid='abc'\">", { sid: undefined, rid: 7 }],
  ["<bodysid='abc'>", { sid: undefined, rid: undefined }],
  ["<body rid='7' broken sid='abc'>", { sid: undefined, rid: 7 }],
  ['', { sid: undefined, rid: undefined }],
])('the head of %j has %j', (head, told) => {
  expect(readBodyHead(head)).toEqual(told)
})
