import { type ApiRequest, refuseBody, streamNamed } from './request.ts'

/** `STREAM.DELETE.<stream>`. */
export function deleteStream(request: ApiRequest): object {
  refuseBody(request.body)
  const stream = streamNamed(request)
  stream.delete()
  stream.advisories.action('delete')
  return { success: true }
}
