import { CertsError } from "../errors.ts";
import { tag } from "./tags.ts";

/** RFC 5280 §4.1.2.5: UTCTime covers 1950–2049, anything later is GeneralizedTime. */
const firstUtcYear = 1950;
const firstGeneralizedYear = 2050;

/**
 * Milliseconds since 1970 of a Time. Only the forms RFC 5280 allows: UTC, with seconds, no fraction, and the type
 * that belongs to the year. Throws ERR_DER_TIME.
 */
export function decodeTime(tagOctet: number, content: Uint8Array): number {
  const generalized = tagOctet === tag.generalizedTime;
  const yearDigits = generalized ? 4 : 2;
  if (content.length !== yearDigits + 11 || content[yearDigits + 10] !== 0x5a) throw malformed();
  const written = digits(content, 0, yearDigits);
  const year = generalized ? written : written >= 50 ? 1900 + written : 2000 + written;
  if (generalized && year < firstGeneralizedYear) throw malformed();
  const field = (index: number): number => digits(content, yearDigits + index * 2, 2);
  const [month, day, hour, minute, second] = [field(0), field(1), field(2), field(3), field(4)];
  if (month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59) {
    throw malformed();
  }
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function daysIn(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

function digits(content: Uint8Array, from: number, count: number): number {
  let value = 0;
  for (let i = from; i < from + count; i++) {
    const digit = (content[i] ?? 0) - 0x30;
    if (digit < 0 || digit > 9) throw malformed();
    value = value * 10 + digit;
  }
  return value;
}

function malformed(): CertsError {
  return new CertsError("ERR_DER_TIME", "time is not in the form that RFC 5280 requires");
}

/** A whole Time element for milliseconds since 1970, fractions of a second dropped. Throws ERR_DER_TIME. */
export function encodeTime(ms: number): Uint8Array {
  const date = new Date(ms);
  const year = date.getUTCFullYear();
  if (!Number.isFinite(year) || year < firstUtcYear || year > 9999) {
    throw new CertsError("ERR_DER_TIME", "time lies outside the years 1950 to 9999");
  }
  const generalized = year >= firstGeneralizedYear;
  const out = new Uint8Array(generalized ? 17 : 15);
  out[0] = generalized ? tag.generalizedTime : tag.utcTime;
  out[1] = generalized ? 15 : 13;
  let offset = 2;
  const put = (value: number): void => {
    out[offset++] = 0x30 + Math.trunc(value / 10);
    out[offset++] = 0x30 + (value % 10);
  };
  if (generalized) put(Math.trunc(year / 100));
  put(year % 100);
  put(date.getUTCMonth() + 1);
  put(date.getUTCDate());
  put(date.getUTCHours());
  put(date.getUTCMinutes());
  put(date.getUTCSeconds());
  out[offset] = 0x5a;
  return out;
}
