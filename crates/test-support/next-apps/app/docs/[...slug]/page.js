import { MARKER } from '../../../marker';

export const dynamic = 'force-dynamic';

export default async function Page({ params }) {
  const { slug } = await params;
  return <h1>{slug[0] === 'secret' ? MARKER : 'Document'} {slug.join('/')}</h1>;
}
