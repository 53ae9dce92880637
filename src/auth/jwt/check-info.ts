import type { Issues } from './issues.ts'

const MOST_INFO = 8 * 1024

/** What is said to people. */
export function checkInfo(
  { description, infoUrl }: { description: string; infoUrl: string },
  issues: Issues,
): void {
  if (description.length > MOST_INFO) issues.error('Description is too long')
  if (infoUrl === '') return
  if (infoUrl.length > MOST_INFO) issues.error('Info URL is too long')
  if (!URL.canParse(infoUrl)) issues.error('error parsing info url: no hostname or scheme')
}
