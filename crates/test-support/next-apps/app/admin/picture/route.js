import { MARKER } from '../../../marker';

export const dynamic = 'force-dynamic';

export function GET() {
  const picture = `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="8" height="8"><title>${MARKER}</title></svg>`;
  return new Response(picture, { headers: { 'content-type': 'image/svg+xml' } });
}
